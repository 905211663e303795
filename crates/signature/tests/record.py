"""Records what real clients sign, byte for byte, into recorded.json.

Needs openssl and a Python with boto3 and boto (2.49): python3 record.py > recorded.json
"""

import json
import io
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.request

import boto
import boto.ec2.regioninfo
import boto3
import boto.s3.connection
from botocore.config import Config

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
EC2, S3 = "/services/Eucalyptus", "/services/Walrus"


class Recorder:
    """Answers every request with an empty 200 and keeps what came."""

    def __init__(self, tls=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        if tls:
            self.listener = tls.wrap_socket(self.listener, server_side=True)
        self.port = self.listener.getsockname()[1]
        self.got = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            self.got.append(self.read(connection))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.close()

    @staticmethod
    def read(connection):
        stream = connection.makefile("rb")
        head = b""
        while (line := stream.readline()) not in (b"\r\n", b""):
            head += line
        lower = head.lower()
        if b"100-continue" in lower:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = b""
        if b"\r\ncontent-length: " in lower:
            length = int(lower.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0])
            body = stream.read(length)
        elif b"transfer-encoding: chunked" in lower:
            while size := int(stream.readline(), 16):
                body += stream.read(size)
                stream.readline()
        return head.decode(), body.decode()


def throwaway_tls():
    with tempfile.NamedTemporaryFile() as pem:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1",
             "-keyout", pem.name, "-out", pem.name + ".crt"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem.name + ".crt", pem.name)
        os.unlink(pem.name + ".crt")
        return context


recorder, tls_recorder = Recorder(), Recorder(throwaway_tls())
cases = []


def record(name, service, call, recorder=recorder):
    try:
        call()
    except Exception as error:  # the empty answer need not please the client
        assert len(recorder.got) == 1, (name, error)
    (head, body), = recorder.got
    recorder.got.clear()
    now = int(time.time() * 1000)
    cases.append(dict(name=name, service=service, now_ms=now, head=head, body=body))


def fetch(url, **arguments):
    urllib.request.urlopen(urllib.request.Request(url, **arguments)).read()


def modern(service, url=f"http://127.0.0.1:{recorder.port}", **config):
    session = boto3.session.Session(KEY, SECRET, region_name="eucalyptus")
    config = Config(retries={"total_max_attempts": 1}, **config)
    return session.client(service, endpoint_url=url + (EC2 if service == "ec2" else S3), config=config, verify=False)


def old_ec2(**arguments):
    region = boto.ec2.regioninfo.RegionInfo(name="eucalyptus", endpoint="127.0.0.1")
    return boto.connect_ec2(KEY, SECRET, is_secure=False, port=recorder.port, path=EC2, region=region, **arguments)


def old_s3():
    return boto.connect_s3(
        KEY, SECRET, is_secure=False, host="127.0.0.1", port=recorder.port, path=S3,
        calling_format=boto.s3.connection.OrdinaryCallingFormat())


boto.config.add_section("Boto")
boto.config.set("Boto", "num_retries", "0")

ec2 = modern("ec2")
record("boto3 ec2 V4", "ec2", lambda: ec2.describe_images(Owners=["self"], Filters=[dict(Name="tag:a b", Values=["x+y/é"])]))
boto.ec2.connection.EC2Connection._required_auth_capability = lambda self: ["ec2"]
record("boto 2.49 ec2 V2", "ec2", lambda: old_ec2().get_all_instances(filters={"tag:a b": "x+y/z~*"}))
record("boto 2.49 ec2 V2 GET", "ec2", lambda: old_ec2().get_list("DescribeKeyPairs", {}, [], verb="GET"))
boto.ec2.connection.EC2Connection._required_auth_capability = lambda self: ["hmac-v4"]
record("boto 2.49 ec2 V4", "ec2", lambda: old_ec2().get_all_zones(zones=["verbose"]))

v4 = modern("s3", s3=dict(addressing_style="path"))
tls = modern("s3", url=f"https://127.0.0.1:{tls_recorder.port}", s3=dict(addressing_style="path"))
v2 = modern("s3", signature_version="s3", s3=dict(addressing_style="path"))
for name, s3 in [("boto3 s3 V4", v4), ("boto3 s3 V2", v2)]:
    record(name + " service", "s3", s3.list_buckets)
    record(name + " create bucket", "s3", lambda: s3.create_bucket(Bucket="bucket", ACL="private"))
    record(name + " list", "s3", lambda: s3.list_objects_v2(Bucket="bucket", Prefix="a b/ü+&=", Delimiter="/"))
    record(name + " acl", "s3", lambda: s3.get_bucket_acl(Bucket="bucket"))
    record(name + " put", "s3", lambda: s3.put_object(
        Bucket="bucket", Key="dir/odd key+~*'()@:é", Body=b"hello", ContentType="text/plain", Metadata={"one": "a   b"}))
    record(name + " get", "s3", lambda: s3.get_object(
        Bucket="bucket", Key="dir/odd key+~*'()@:é", ResponseContentType="text/x", Range="bytes=1-2"))
    record(name + " presigned get", "s3", lambda: fetch(s3.generate_presigned_url(
        "get_object", dict(Bucket="bucket", Key="dir/odd key+é"), ExpiresIn=600)))
    record(name + " presigned put", "s3", lambda: fetch(s3.generate_presigned_url(
        "put_object", dict(Bucket="bucket", Key="k")), method="PUT", data=b"hello", headers={"Content-Type": ""}))

record("boto3 s3 V4 trailer put", "s3", lambda: tls.put_object(
    Bucket="bucket", Key="k", Body=io.BytesIO(b"hello"), ChecksumAlgorithm="SHA256"), tls_recorder)

record("boto 2.49 s3 service", "s3", lambda: old_s3().get_all_buckets())
record("boto 2.49 s3 create bucket", "s3", lambda: old_s3().create_bucket("bucket"))
bucket = old_s3().get_bucket("bucket", validate=False)
record("boto 2.49 s3 list", "s3", lambda: bucket.get_all_keys(prefix="a b", max_keys=5))
record("boto 2.49 s3 acl", "s3", lambda: bucket.get_acl())
key = bucket.new_key("dir/odd key+~*é")
record("boto 2.49 s3 put", "s3", lambda: key.set_contents_from_string("hello", headers={"x-amz-meta-one": "a b"}, policy="aws-exec-read"))
record("boto 2.49 s3 get", "s3", lambda: key.get_contents_as_string())
key.set_metadata("one", "a b")
record("boto 2.49 s3 presigned get", "s3", lambda: fetch(key.generate_url(600)))
print(json.dumps(cases, indent=1))
