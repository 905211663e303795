#!/bin/sh
# Makes the reference bundle of this directory with the steps of Amazon's bundling tools (tar,
# gzip, openssl, split), so that our own reading is tested against something else than our own
# writing. Run by hand; what it makes is committed. The keys are for this test only.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# a sparse image of 1 MiB with three islands of text
truncate -s 1M image.img
for place in 0 300000 1048000; do
    printf 'island at %s\n' "$place" | dd of=image.img bs=1 seek="$place" conv=notrunc status=none
done
sha256sum image.img | cut -d ' ' -f 1 > "$here/image.sha256"

for who in cloud user; do
    openssl req -x509 -newkey rsa:2048 -nodes -days 36500 -subj "/CN=reference $who" \
        -keyout "$who-pk.pem" -out "$who-cert.pem" 2> /dev/null
done
# Amazon's tools met keys in the older form
openssl rsa -in cloud-pk.pem -traditional -out cloud-pk.pem 2> /dev/null

tar -c -h -S --format=gnu image.img > image.tar
digest=$(openssl sha1 < image.tar)          # "SHA1(stdin)= ...", as the tools copied it
key=$(openssl rand -hex 16)
iv=$(openssl rand -hex 16)
gzip -n -9 < image.tar | openssl enc -e -aes-128-cbc -K "$key" -iv "$iv" > image.enc
split -b 100 -d -a 1 image.enc image.img.part.

wrap() { # TEXT CERTIFICATE
    printf %s "$1" | openssl pkeyutl -encrypt -certin -inkey "$2" -pkeyopt rsa_padding_mode:pkcs1 |
        od -An -v -tx1 | tr -d ' \n'
}
machine='<machine_configuration><architecture>x86_64</architecture><block_device_mapping><mapping><virtual>ami</virtual><device>sda1</device></mapping><mapping><virtual>root</virtual><device>/dev/sda1</device></mapping></block_device_mapping><kernel_id>eki-0123ABCD</kernel_id></machine_configuration>'
parts=''
count=0
for part in image.img.part.*; do
    parts="$parts<part index='$count'><filename>$part</filename><digest algorithm='SHA1'>$(sha1sum < "$part" | cut -d ' ' -f 1)</digest></part>"
    od -An -v -tx1 < "$part" | tr -d ' \n' > "$here/$part.hex"
    count=$((count + 1))
done
image="<image><name>image.img</name><user>000100729354</user><type>machine</type><digest algorithm='SHA1'>$digest</digest><size>$(stat -c %s image.img)</size><bundled_size>$(stat -c %s image.enc)</bundled_size><ec2_encrypted_key algorithm='AES-128-CBC'>$(wrap "$key" cloud-cert.pem)</ec2_encrypted_key><user_encrypted_key algorithm='AES-128-CBC'>$(wrap "$key" user-cert.pem)</user_encrypted_key><ec2_encrypted_iv>$(wrap "$iv" cloud-cert.pem)</ec2_encrypted_iv><user_encrypted_iv>$(wrap "$iv" user-cert.pem)</user_encrypted_iv><parts count='$count'>$parts</parts></image>"
signature=$(printf %s "$machine$image" | openssl dgst -sha1 -sign user-pk.pem | od -An -v -tx1 | tr -d ' \n')
printf %s "<?xml version='1.0'?><manifest><version>2007-10-10</version><bundler><name>ec2-ami-tools</name><version>1.3</version><release>26357</release></bundler>$machine$image<signature>$signature</signature></manifest>" > "$here/image.img.manifest.xml"
cp cloud-pk.pem user-cert.pem "$here/"
