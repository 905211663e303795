"""Beside what every client does: a bucket's story with boto3 that uses each way of signing, and
names the bucket by the host. The connection is the guide's."""

import io
import json
import os
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from connect import s3

bucket = "my-boto3"
large = os.urandom(20_000_000)

# what a name server would do
find = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: find(
    "127.0.0.1" if host.endswith("localhost") else host, *rest, **more
)
root = urlsplit(os.environ["WALRUS_URL"])
by_host = boto3.client(
    "s3",
    endpoint_url=f"http://localhost:{root.port}",
    config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
)
version_2 = boto3.client(
    "s3", endpoint_url=os.environ["WALRUS_URL"], config=Config(signature_version="s3")
)

s3.create_bucket(Bucket=bucket)
for client in [s3, by_host, version_2]:
    client.upload_fileobj(io.BytesIO(large), bucket, "large")
    got = io.BytesIO()
    client.download_fileobj(bucket, "large", got)
    assert got.getvalue() == large

    put = {"Bucket": bucket, "Key": "a b/\u00fc & <x>"}
    # of version 2 the content's type is signed
    kind = "text/plain"
    url = client.generate_presigned_url("put_object", put | {"ContentType": kind})
    sent = urllib.request.Request(url, data=b"presigned", headers={"Content-Type": kind}, method="PUT")
    urllib.request.urlopen(sent)
    assert client.get_object(**put)["Body"].read() == b"presigned"
    url = client.generate_presigned_url("get_object", put | {"ResponseContentType": "text/x"})
    answer = urllib.request.urlopen(url)
    assert (answer.read(), answer.headers["Content-Type"]) == (b"presigned", "text/x")
    try:
        urllib.request.urlopen(url.replace("Signature=", "Signature=0"))
        raise SystemExit("any signature will do")
    except urllib.error.HTTPError as error:
        assert error.code == 403, error

    form = client.generate_presigned_post(bucket, "form/${filename}", ExpiresIn=60)
    lines = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    ]
    lines.append('--b\r\nContent-Disposition: form-data; name="file"; filename="it"\r\n\r\nform\r\n--b--\r\n')
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    data = "".join(lines).encode()
    answer = urllib.request.urlopen(urllib.request.Request(form["url"], data=data, headers=headers))
    assert answer.status == 204
    assert client.get_object(Bucket=bucket, Key="form/it")["Body"].read() == b"form"

    keys = [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["a b/\u00fc & <x>", "form/it", "large"], keys
    client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})

# a browser asks without a signature
s3.put_bucket_cors(
    Bucket=bucket,
    CORSConfiguration={"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["PUT"]}]},
)
headers = {"Origin": "https://www.example", "Access-Control-Request-Method": "PUT"}
url = f"{os.environ['WALRUS_URL']}/{bucket}/key"
answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers, method="OPTIONS"))
assert answer.headers["Access-Control-Allow-Origin"] == "*"
policy = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    ],
}
s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
s3.put_object(Bucket=bucket, Key="key", Body=b"open")
assert urllib.request.urlopen(url).read() == b"open"
s3.delete_object(Bucket=bucket, Key="key")
s3.delete_bucket(Bucket=bucket)
print("done")
