"""The README's story with boto3: key pair, rule, launch, console. Prints: id address key-file."""

import os
import sys
import time

import boto3

emi, directory = sys.argv[1:]
ec2 = boto3.client("ec2")

image = ec2.describe_images(ImageIds=[emi])["Images"][0]
assert image["State"] == "available" and image["ImageType"] == "machine", image
assert ec2.describe_instances()["Reservations"] == []

key = ec2.create_key_pair(KeyName="boto3")
key_file = os.path.join(directory, "boto3.pem")
with open(os.open(key_file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
    out.write(key["KeyMaterial"])
assert [k["KeyFingerprint"] for k in ec2.describe_key_pairs()["KeyPairs"]] == [key["KeyFingerprint"]]

ec2.authorize_security_group_ingress(
    GroupName="default", IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
)
group = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]
assert group["IpPermissions"][0]["IpRanges"][0]["CidrIp"] == "0.0.0.0/0", group

launch = dict(
    ImageId=emi, MinCount=1, MaxCount=1, KeyName="boto3", InstanceType="m1.small",
    UserData="#!/bin/sh\necho user data was here >/dev/console\n", ClientToken="story",
)
reservation = ec2.run_instances(**launch)
instance_id = reservation["Instances"][0]["InstanceId"]
again = ec2.run_instances(**launch)
assert again["Instances"][0]["InstanceId"] == instance_id, "a token launches once"

ec2.get_waiter("instance_running").wait(
    InstanceIds=[instance_id], WaiterConfig={"Delay": 1, "MaxAttempts": 180}
)
instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
assert instance["KeyName"] == "boto3" and instance["ImageId"] == emi, instance

for _ in range(180):
    console = ec2.get_console_output(InstanceId=instance_id).get("Output", "")
    if "user data was here" in console:
        break
    time.sleep(1)
else:
    sys.exit("user data did not run; the console says:\n" + console)

zones = ec2.describe_availability_zones()["AvailabilityZones"]
assert zones and instance["Placement"]["AvailabilityZone"] == zones[0]["ZoneName"], zones
print(instance_id, instance["PublicIpAddress"], key_file)
