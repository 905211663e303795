"""A bucket's story with boto 2, which signs with version 2. The connection is the guide's."""

import io
import os
import urllib.request

from connect import s3

bucket = s3.create_bucket("my-boto2")
assert [made.name for made in s3.get_all_buckets()].count("my-boto2") == 1
objects = {"a b/\u00fc & <x>": b"one", "a b/c+d/100%": b"", "two": os.urandom(300_000)}
for name, body in objects.items():
    bucket.new_key(name).set_contents_from_string(body, headers={"x-amz-meta-of": "story"})
    key = bucket.get_key(name)
    assert key.get_contents_as_string() == body and key.get_metadata("of") == "story"
assert sorted(key.name for key in bucket.list()) == sorted(objects)
assert [it.name for it in bucket.list(prefix="a b/", delimiter="/")] == ["a b/\u00fc & <x>", "a b/c+d/"]

large = os.urandom(12_000_000)
upload = bucket.initiate_multipart_upload("large")
for at in range(2):
    upload.upload_part_from_file(io.BytesIO(large[at * 6_000_000 :][:6_000_000]), at + 1)
upload.complete_upload()
url = bucket.get_key("large").generate_url(60)
assert urllib.request.urlopen(url).read() == large
bucket.set_acl("public-read", "two")
url = os.environ["WALRUS_URL"] + "/my-boto2/two"
assert urllib.request.urlopen(url).read() == objects["two"]

gone = bucket.delete_keys([*objects, "large"])
assert not gone.errors, gone.errors
s3.delete_bucket("my-boto2")
print("done")
