"""A bucket's story with boto3 (signature V4 and V2) or boto 2 (V2). Arguments: the client."""

import hashlib
import io
import os
import sys
import urllib.parse

client = sys.argv[1]
bucket = client.replace("_", "-") + "-story"
# longer than what is kept in memory or packed with the metadata
large = os.urandom(5_000_000)
# longer than what clients send at once
parts = os.urandom(17_000_000)
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
    # the transfer manager uploads in parts and reads in ranges
    s3.upload_fileobj(io.BytesIO(parts), bucket, "parts", ExtraArgs={"Metadata": {"a": "b"}})
    s3.copy({"Bucket": bucket, "Key": "parts"}, bucket, "copy of parts")
    for name in ["parts", "copy of parts"]:
        head = s3.head_object(Bucket=bucket, Key=name)
        assert head["ETag"].endswith('-3"') and head["Metadata"] == {"a": "b"}, head
        got = io.BytesIO()
        s3.download_fileobj(bucket, name, got)
        assert got.getvalue() == parts
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    keys = [{"Key": name} for name in [*objects, "image", "parts", "copy of parts"]]
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    assert len(gone["Deleted"]) == len(keys) and "Errors" not in gone, gone
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
    upload = made.initiate_multipart_upload("parts")
    for at in range(0, len(parts), 6_000_000):
        upload.upload_part_from_file(io.BytesIO(parts[at : at + 6_000_000]), at // 6_000_000 + 1)
    assert len(upload.get_all_parts()) == 3
    upload.complete_upload()
    made.copy_key("copy of parts", bucket, "parts")
    assert made.get_key("copy of parts").get_contents_as_string() == parts
    gone = made.delete_keys([*objects, "parts", "copy of parts"])
    assert not gone.errors, gone.errors
    s3.delete_bucket(bucket)


{"boto3_v4": lambda: boto3_story("s3v4"), "boto3_v2": lambda: boto3_story("s3"), "boto2": boto2_story}[client]()
