"""A bucket's story with boto3 (signature V4 and V2) or boto 2 (V2). Arguments: the client."""

import hashlib
import os
import sys
import urllib.parse

client = sys.argv[1]
bucket = client.replace("_", "-") + "-story"
# longer than what is kept in memory or packed with the metadata
large = os.urandom(5_000_000)
objects = {"a/1": b"one", "a/2 with blank+plus": b"two", "a/\u00fc": b"", "b/large": large}
names = sorted(objects, key=str.encode)


def boto3_story(version):
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    s3 = boto3.client("s3", config=Config(signature_version=version, s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket=bucket)
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    for name, body in objects.items():
        etag = s3.put_object(Bucket=bucket, Key=name, Body=body)["ETag"]
        assert etag == f'"{hashlib.md5(body).hexdigest()}"', etag
        assert s3.head_object(Bucket=bucket, Key=name)["ContentLength"] == len(body)
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == body
    listed = s3.list_objects(Bucket=bucket)["Contents"]
    assert [o["Key"] for o in listed] == names, listed
    page = s3.list_objects(Bucket=bucket, Prefix="a/", Marker="a/1", MaxKeys=1)
    assert [o["Key"] for o in page["Contents"]] == [names[1]] and page["IsTruncated"], page
    s3.put_object(Bucket=bucket, Key="image", Body=b"part", ACL="aws-exec-read")
    grants = s3.get_object_acl(Bucket=bucket, Key="image")["Grants"]
    assert len(grants) == 2, grants
    try:
        s3.get_object(Bucket=bucket, Key="nothing")
        sys.exit("an object that is not there was got")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchKey", error
    for name in [*objects, "image"]:
        s3.delete_object(Bucket=bucket, Key=name)
    assert "Contents" not in s3.list_objects(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)


def boto2_story():
    import boto.s3.connection

    url = urllib.parse.urlsplit(os.environ["S3_URL"])
    s3 = boto.s3.connection.S3Connection(
        os.environ["EC2_ACCESS_KEY"],
        os.environ["EC2_SECRET_KEY"],
        host=url.hostname,
        port=url.port,
        path=url.path,
        is_secure=url.scheme == "https",
        calling_format=boto.s3.connection.OrdinaryCallingFormat(),
    )
    made = s3.create_bucket(bucket)
    assert bucket in [b.name for b in s3.get_all_buckets()]
    for name, body in objects.items():
        made.new_key(name).set_contents_from_string(body)
        key = made.get_key(name)
        assert key.etag == f'"{hashlib.md5(body).hexdigest()}"', key.etag
        assert key.get_contents_as_string() == body
    assert [key.name for key in made.list(prefix="a/")] == [n for n in names if n < "b"]
    for name in objects:
        made.delete_key(name)
    s3.delete_bucket(bucket)


{"boto3_v4": lambda: boto3_story("s3v4"), "boto3_v2": lambda: boto3_story("s3"), "boto2": boto2_story}[client]()
