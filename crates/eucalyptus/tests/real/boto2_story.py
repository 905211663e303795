"""The User's Guide with boto 2.49's connect_euca."""

import os

import boto

from connect import ec2
from story import LONG, USER_DATA, emi, save_key, until, wait_ssh

zones = [zone.name for zone in ec2.get_all_zones()]
assert zones == [z.name for z in boto.connect_ec2_endpoint(os.environ["EC2_URL"]).get_all_zones()]
assert [region.name for region in ec2.get_all_regions()] == ["eucalyptus"]

key = ec2.create_key_pair("boto2")
key_file = save_key("boto2", key.material)
assert ec2.get_key_pair("boto2").fingerprint == key.fingerprint

group = ec2.create_security_group("boto2", "ssh from anywhere")
group.authorize("tcp", 22, 22, "0.0.0.0/0")
rule = ec2.get_all_security_groups(["boto2"])[0].rules[0]
assert (rule.from_port, rule.to_port, rule.grants[0].cidr_ip) == ("22", "22", "0.0.0.0/0")

image = ec2.get_image(emi)
reservation = image.run(
    key_name="boto2", security_groups=["boto2"], instance_type="m1.small", user_data=USER_DATA
)
instance = reservation.instances[0]
instance.add_tag("Name", "boto2")
until("running instance", lambda: instance.update() == "running")
assert instance.placement in zones and instance.key_name == "boto2", vars(instance)
groups = [group.name for group in instance.groups]
assert instance.tags == {"Name": "boto2"} and groups == ["boto2"], (instance.tags, groups)
assert [i.id for i in ec2.get_only_instances(filters={"tag:Name": "boto2"})] == [instance.id]
wait_ssh(key_file, instance.private_ip_address)
until("user data", lambda: b"user data was here" in (instance.get_console_output().output or b""))

address = ec2.allocate_address()
assert address.associate(instance.id)
assert ec2.get_all_addresses([address.public_ip])[0].instance_id == instance.id
assert address.disassociate() and address.release()
assert address.public_ip not in [a.public_ip for a in ec2.get_all_addresses()]

assert instance.get_attribute("instanceType") == {"instanceType": "m1.small"}
if LONG:
    instance.reboot()
    wait_ssh(key_file, instance.private_ip_address)
    instance.stop()
    until("stopped instance", lambda: instance.update() == "stopped")
    instance.start()
    until("running instance", lambda: instance.update() == "running")
    wait_ssh(key_file, instance.private_ip_address)

instance.terminate()
until("terminated instance", lambda: instance.update() == "terminated")
assert group.delete() and key.delete()
