"""The User's Guide's quick start over SOAP alone: zeep and xmlsec sign, nothing of ours does."""

import base64
import os
import sys
import time
from datetime import datetime, timedelta, timezone

import requests
import xmlsec
from lxml import etree
from zeep.wsse import utils
from zeep.wsse.signature import BinarySignature

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
version, algorithm, emi = sys.argv[1:]
namespace = f"http://ec2.amazonaws.com/doc/{version}/"
methods = {
    "sha1": (xmlsec.Transform.RSA_SHA1, xmlsec.Transform.SHA1),
    "sha256": (xmlsec.Transform.RSA_SHA256, xmlsec.Transform.SHA256),
}
signer = BinarySignature(
    os.environ["EC2_PRIVATE_KEY"],
    os.environ["EC2_CERT"],
    signature_method=methods[algorithm][0],
    digest_method=methods[algorithm][1],
)


class Fault(Exception):
    """A fault's code and text."""


def message(action, parameters):
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    etree.SubElement(envelope, f"{{{SOAP}}}Header")
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    fill(etree.SubElement(body, f"{{{namespace}}}{action}", nsmap={None: namespace}), parameters)
    now = datetime.now(timezone.utc)
    stamp = utils.WSU("Timestamp")
    for name, at in (("Created", now), ("Expires", now + timedelta(minutes=5))):
        child = etree.SubElement(stamp, etree.QName(utils.ns.WSU, name))
        child.text = at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    utils.get_security_header(envelope).append(stamp)
    return etree.tostring(signer.apply(envelope, {})[0], xml_declaration=True, encoding="utf-8")


def fill(element, parameters):
    for name, value in parameters.items():
        for one in value if isinstance(value, list) else [value]:
            child = etree.SubElement(element, f"{{{namespace}}}{name}")
            if isinstance(one, dict):
                fill(child, one)
            else:
                child.text = str(one)


def call(action, **parameters):
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": f'"{action}"'}
    answer = requests.post(
        os.environ["EC2_URL"], data=message(action, parameters), headers=headers, timeout=60
    )
    body = etree.fromstring(answer.content).find(f"{{{SOAP}}}Body")
    fault = body.find(f"{{{SOAP}}}Fault")
    if fault is not None:
        assert answer.status_code == 500, answer.status_code
        raise Fault(fault.findtext("faultcode"), fault.findtext("faultstring"))
    assert answer.status_code == 200 and len(body) == 1
    assert body[0].tag == f"{{{namespace}}}{action}Response", body[0].tag
    assert {etree.QName(e).namespace for e in body[0].iter()} == {namespace}
    return body[0]


def text(element, path):
    return element.findtext("/".join(f"{{{namespace}}}{name}" for name in path.split("/")))


def items(name, *values):
    return {"item": [{name: value} for value in values]}


def until(what, holds):
    for _ in range(600):
        if holds():
            return
        time.sleep(0.5)
    sys.exit(f"no {what} after five minutes")


def state():
    shown = call("DescribeInstances", instancesSet=items("instanceId", instance))
    path = "reservationSet/item/instancesSet/item/"
    return text(shown, path + "instanceState/name"), text(shown, path + "dnsName")


name = f"soap-{version}"
zones = call("DescribeAvailabilityZones", availabilityZoneSet={})
assert text(zones, "availabilityZoneInfo/item/zoneName")
shown = call("DescribeImages", executableBySet={}, imagesSet=items("imageId", emi), ownersSet={})
assert text(shown, "imagesSet/item/imageId") == emi

pair = call("CreateKeyPair", keyName=name)
assert "PRIVATE KEY" in text(pair, "keyMaterial")
assert text(call("DescribeKeyPairs", keySet={}), "keySet/item/keyName") == name
call("CreateSecurityGroup", groupName=name, groupDescription="over SOAP")
rule = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "groups": {}}
rule["ipRanges"] = items("cidrIp", "0.0.0.0/0")
call("AuthorizeSecurityGroupIngress", userId="", groupName=name, ipPermissions={"item": rule})

started = call(
    "RunInstances",
    imageId=emi,
    minCount=1,
    maxCount=1,
    keyName=name,
    groupSet=items("groupId", name),
    instanceType="m1.small",
)
instance = text(started, "instancesSet/item/instanceId")
until("running instance", lambda: state()[0] == "running")


def console():
    said = call("GetConsoleOutput", instanceId=instance)
    return base64.b64decode(text(said, "output") or "")


until("console output", console)
address = text(call("AllocateAddress"), "publicIp")
call("AssociateAddress", publicIp=address, instanceId=instance)
assert state()[1] == address
call("DisassociateAddress", publicIp=address)
call("ReleaseAddress", publicIp=address)
call("TerminateInstances", instancesSet=items("instanceId", instance))
until("terminated instance", lambda: state()[0] == "terminated")
call("DeleteSecurityGroup", groupName=name)
call("DeleteKeyPair", keyName=name)
try:
    call("DescribeInstances", instancesSet=items("instanceId", "i-00000000"))
    sys.exit("an instance that does not exist is shown")
except Fault as fault:
    assert fault.args[0] == "Client.InvalidInstanceID.NotFound", fault
print("done")
