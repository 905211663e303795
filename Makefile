# The entry points; the work is in scripts/. `make` alone says what there is.

.PHONY: help run stop clean-cloud test test-long lint bench-launch bench-launches bench-networks bench-api bench-s3 bench-soap

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

run: ## a cloud on this machine and an instance in it that you can ssh into (root or sudo)
	@scripts/run

stop: ## stop the cloud; instances go on
	@scripts/stop

clean-cloud: ## remove every trace of the cloud: instances, networks, rules, state
	@scripts/clean-cloud $(if $(YES),-y)

test: ## all tests, real instances included (root or sudo)
	@scripts/test

test-long: ## the same with the longer forms
	@scripts/test long

lint: ## formatting, lints, shell syntax
	@scripts/lint

bench-launch: ## RunInstances to ssh beside virsh create to ssh, and our idle memory
	@scripts/bench-launch

bench-launches: ## launches, one by one and 20 at once, beside virsh create; a cloud of its own (root)
	@scripts/bench-launches

bench-networks: ## planning, applying, forwarding, DHCP and metadata of large networks (root)
	@scripts/bench-networks

bench-s3: ## Walrus beside other S3 servers and a bare HTTP server
	@scripts/bench-s3

bench-api: ## the EC2 API of a simulated cloud beside moto's server
	@scripts/bench-api

bench-soap: ## what it costs to verify a signed SOAP message, and to refuse the worst one
	@cargo run --quiet --release --locked -p ws-security --features signer --example cost
