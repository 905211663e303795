"""The User's Guide with Apache libcloud's driver for Eucalyptus."""

from libcloud.compute.types import NodeState

from connect import ec2, small
from story import LONG, USER_DATA, emi, save_key, until, wait_ssh

key = ec2.create_key_pair("libcloud")
key_file = save_key("libcloud", key.private_key)
assert ec2.get_key_pair("libcloud").fingerprint == key.fingerprint

group = ec2.ex_create_security_group("libcloud", "ssh from anywhere")["group_id"]
assert ec2.ex_authorize_security_group("libcloud", 22, 22, "0.0.0.0/0", "tcp")
assert ec2.ex_authorize_security_group_ingress(group, 80, 80, cidr_ips=["0.0.0.0/0"])
rules = ec2.ex_get_security_groups(group_names=["libcloud"])[0].ingress_rules
assert sorted(rule["from_port"] for rule in rules) == ["22", "80"], rules

image = ec2.get_image(emi)
node = ec2.create_node(
    name="libcloud", image=image, size=small, ex_keyname="libcloud",
    ex_security_groups=["libcloud"], ex_userdata=USER_DATA,
)


def now():
    """The instance as the cloud shows it now."""
    return next(n for n in ec2.list_nodes() if n.id == node.id)


running = until("running instance", lambda: now().state == NodeState.RUNNING and now())
assert running.name == "libcloud" and running.extra["image_id"] == emi, running.extra
wait_ssh(key_file, running.private_ips[0])
until("user data", lambda: "user data was here" in (ec2.ex_get_console_output(node)["output"] or ""))

elastic = ec2.ex_allocate_address()
ec2.ex_associate_address_with_node(node, elastic)
assert ec2.ex_describe_addresses_for_node(node) == [elastic.ip]
assert ec2.ex_disassociate_address(elastic) and ec2.ex_release_address(elastic)
assert elastic.ip not in [a.ip for a in ec2.ex_describe_all_addresses()]

if LONG:
    assert ec2.reboot_node(node)
    wait_ssh(key_file, running.private_ips[0])
    assert ec2.stop_node(node)
    # this driver knows no name of its own for the state
    until("stopped instance", lambda: now().extra["status"] == "stopped")
    assert ec2.start_node(node)
    until("running instance", lambda: now().state == NodeState.RUNNING)
    wait_ssh(key_file, now().private_ips[0])

assert ec2.destroy_node(node)
until("terminated instance", lambda: now().state == NodeState.TERMINATED)
assert ec2.ex_delete_security_group_by_id(group) and ec2.delete_key_pair(key)
