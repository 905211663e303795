"""The User's Guide with boto3; the instance is left. Prints: id address key-file."""

from connect import ec2
from story import LONG, USER_DATA, emi, save_key, until, wait_ssh

image = ec2.describe_images(ImageIds=[emi])["Images"][0]
assert image["State"] == "available" and image["ImageType"] == "machine", image
assert ec2.describe_instances()["Reservations"] == []

key = ec2.create_key_pair(KeyName="boto3")
key_file = save_key("boto3", key["KeyMaterial"])
assert [k["KeyFingerprint"] for k in ec2.describe_key_pairs()["KeyPairs"]] == [key["KeyFingerprint"]]

ec2.authorize_security_group_ingress(
    GroupName="default", IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
)
group = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]
assert group["IpPermissions"][0]["IpRanges"][0]["CidrIp"] == "0.0.0.0/0", group

launch = dict(
    ImageId=emi, MinCount=1, MaxCount=1, KeyName="boto3", InstanceType="m1.small",
    UserData=USER_DATA, ClientToken="story",
)
instance_id = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
again = ec2.run_instances(**launch)
assert again["Instances"][0]["InstanceId"] == instance_id, "a token launches once"


def wait(state):
    waiter = ec2.get_waiter("instance_" + state)
    waiter.wait(InstanceIds=[instance_id], WaiterConfig={"Delay": 1, "MaxAttempts": 180})


def console():
    return ec2.get_console_output(InstanceId=instance_id).get("Output", "")


wait("running")
instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
assert instance["KeyName"] == "boto3" and instance["ImageId"] == emi, instance
until("user data", lambda: "user data was here" in console())
zones = ec2.describe_availability_zones()["AvailabilityZones"]
assert zones and instance["Placement"]["AvailabilityZone"] == zones[0]["ZoneName"], zones

elastic = ec2.allocate_address()["PublicIp"]
ec2.associate_address(InstanceId=instance_id, PublicIp=elastic)
held = ec2.describe_addresses(Filters=[{"Name": "instance-id", "Values": [instance_id]}])
assert [a["PublicIp"] for a in held["Addresses"]] == [elastic], held
ec2.disassociate_address(PublicIp=elastic)
ec2.release_address(PublicIp=elastic)
assert ec2.describe_addresses()["Addresses"] == []

if LONG:
    wait_ssh(key_file, instance["PrivateIpAddress"])
    ec2.stop_instances(InstanceIds=[instance_id])
    wait("stopped")
    ec2.start_instances(InstanceIds=[instance_id])
    wait("running")
print(instance_id, instance["PrivateIpAddress"], key_file)
