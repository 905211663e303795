// A bucket's story with MinIO's client; the connection `s3` stands in front of it.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

const bucket = "my-minio";
const read = async (stream) => {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces.every((it) => Buffer.isBuffer(it)) ? Buffer.concat(pieces) : pieces;
};

await s3.makeBucket(bucket);
assert(await s3.bucketExists(bucket));
const objects = {
  "a b/c+d/100%": Buffer.alloc(0),
  "a b/\u00fc & <x>": Buffer.from("one"),
  // sent in parts
  large: randomBytes((64 << 20) + 1),
};
for (const [name, bytes] of Object.entries(objects)) {
  await s3.putObject(bucket, name, bytes, bytes.length, { "X-Amz-Meta-Of": "story" });
  const stat = await s3.statObject(bucket, name);
  assert.equal(stat.size, bytes.length);
  assert.equal(stat.metaData.of, "story");
  assert(bytes.length == 0 || (await read(await s3.getObject(bucket, name))).equals(bytes));
}
const listed = await read(s3.listObjectsV2(bucket, "", true));
assert.deepEqual(listed.map((it) => it.name), Object.keys(objects));

const put = await s3.presignedPutObject(bucket, "presigned", 60);
assert.equal((await fetch(put, { method: "PUT", body: "hello" })).status, 200);
const get = await s3.presignedGetObject(bucket, "presigned", 60);
assert.equal(await (await fetch(get)).text(), "hello");

const policy = s3.newPostPolicy();
policy.setBucket(bucket);
policy.setKeyStartsWith("form/");
policy.setExpires(new Date(Date.now() + 60_000));
policy.setContentLengthRange(1, 10);
const { postURL, formData } = await s3.presignedPostPolicy(policy);
const post = (key, text) => {
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...formData, key })) form.set(name, value);
  form.set("file", new Blob([text]), "it.txt");
  return fetch(postURL, { method: "POST", body: form });
};
assert.equal((await post("form/${filename}", "by a form")).status, 204);
assert.equal((await read(await s3.getObject(bucket, "form/it.txt"))).toString(), "by a form");
assert.equal((await post("elsewhere", "by a form")).status, 403);
assert.equal((await post("form/long", "longer than that")).status, 400);

await s3.setObjectTagging(bucket, "large", { team: "lab" });
assert.deepEqual(await s3.getObjectTagging(bucket, "large"), [{ Key: "team", Value: "lab" }]);

await s3.removeObjects(bucket, [...Object.keys(objects), "presigned", "form/it.txt"]);
await s3.removeBucket(bucket);
console.log("done");
