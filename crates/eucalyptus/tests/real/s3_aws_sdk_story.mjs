// A bucket's story with the AWS SDK; the connection `s3` stands in front of it.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as sdk from "@aws-sdk/client-s3";

const Bucket = "my-aws-sdk";
const send = (command, input) => s3.send(new sdk[`${command}Command`]({ Bucket, ...input }));
const content = async (Key, more) => {
  const { Body } = await send("GetObject", { Key, ...more });
  return Buffer.from(await Body.transformToByteArray());
};

await send("CreateBucket");
const names = ["a b/\u00fc & <x>", "a b/c+d/100%", "a b/c+d/='quote\"", "one"];
for (const Key of names) {
  // the SDK sends a checksum of its own with each body
  await send("PutObject", { Key, Body: Key, Metadata: { name: encodeURIComponent(Key) } });
}
for (const Key of names) {
  assert.equal((await content(Key)).toString(), Key);
  const head = await send("HeadObject", { Key });
  assert.equal(decodeURIComponent(head.Metadata.name), Key);
}
const listed = await send("ListObjectsV2", { Prefix: "a b/", Delimiter: "/" });
assert.deepEqual(listed.Contents.map((it) => it.Key), [names[0]]);
assert.deepEqual(listed.CommonPrefixes.map((it) => it.Prefix), ["a b/c+d/"]);

const parts = [randomBytes(6 << 20), randomBytes(1 << 20)];
const { UploadId } = await send("CreateMultipartUpload", { Key: "large" });
const Parts = [];
for (const [at, Body] of parts.entries()) {
  const PartNumber = at + 1;
  const { ETag } = await send("UploadPart", { Key: "large", UploadId, PartNumber, Body });
  Parts.push({ ETag, PartNumber });
}
await send("CompleteMultipartUpload", { Key: "large", UploadId, MultipartUpload: { Parts } });
await send("CopyObject", { Key: "copy", CopySource: `${Bucket}/large` });
const whole = Buffer.concat(parts);
assert((await content("copy")).equals(whole));
const Range = `bytes=${(6 << 20) - 2}-${(6 << 20) + 1}`;
assert((await content("large", { Range })).equals(whole.subarray((6 << 20) - 2, (6 << 20) + 2)));

await assert.rejects(send("GetObject", { Key: "nothing" }), { name: "NoSuchKey" });
await assert.rejects(send("PutObject", { Key: "one", Body: "", IfNoneMatch: "*" }), {
  name: "PreconditionFailed",
});
const CORSConfiguration = {
  CORSRules: [{ AllowedOrigins: ["https://*.example"], AllowedMethods: ["GET"], MaxAgeSeconds: 60 }],
};
await send("PutBucketCors", { CORSConfiguration });
assert.deepEqual((await send("GetBucketCors")).CORSRules, CORSConfiguration.CORSRules);

const Objects = [...names, "large", "copy"].map((Key) => ({ Key }));
const { Deleted } = await send("DeleteObjects", { Delete: { Objects } });
assert.equal(Deleted.length, Objects.length);
await send("DeleteBucket");
console.log("done");
