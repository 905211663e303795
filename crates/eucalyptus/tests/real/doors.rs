//! The port of Walrus alone: taken, or answering HTTP and HTTPS, by host and by path.

use crate::machine::Machine;
use crate::site::{Site, client};
use std::io::Read;
use std::process::Stdio;

/// A cloud controller alone: Walrus needs no instances.
const LINES: &str = "START_CC=\"N\"\nSTART_NC=\"N\"\nWALRUS_DOMAINS=\"s3.test\"\n";

/// Another program that has the port, as long as it is wanted.
const TAKE: &str = "import socket, sys; it = socket.create_server(('', 9000)); \
                    print(flush=True); sys.stdin.read()";

/// Asks without credentials for an object, by plain HTTP and by TLS with the certificate checked
/// against the cloud's authority; the names lead to this machine.
const ASK: &str = r#"
import socket, ssl, sys
import http.client
find = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: find("127.0.0.1", *rest, **more)
context = ssl.create_default_context(cafile=sys.argv[1])
for host, path in [("pictures.s3.test", "/a"), ("s3.test", "/pictures/a"), ("localhost", "/pictures/a")]:
    for ask in (
        http.client.HTTPConnection(host, 9000),
        http.client.HTTPSConnection(host, 9000, context=context),
    ):
        ask.request("GET", path)
        answer = ask.getresponse()
        assert (answer.status, answer.read()) == (200, b"hello"), (host, path, answer.status)
print("done")
"#;

#[test]
fn walrus_answers_at_the_root_of_its_own_port() {
    let site = Site::on(Machine::boot(), LINES);
    let python = client("python3");
    let mut other = site.machine().command(&python);
    other.args(["-c", TAKE]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut other = other.spawn().unwrap();
    other.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let refused = site.command("eucalyptus").arg("start").output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(said.contains("cannot listen on 0.0.0.0:9000"), "{said}");
    assert!(said.contains("(WALRUS_PORT; 0 for none)"), "{said}");
    drop(other.stdin.take());
    other.wait().unwrap();

    site.start();
    site.credentials("admin");
    let put = "client = __import__('boto3').client('s3', endpoint_url=__import__('os').environ['WALRUS_URL'])\n\
               client.create_bucket(Bucket='pictures')\n\
               client.put_object(Bucket='pictures', Key='a', Body=b'hello', ACL='public-read')";
    site.tool("admin", &python, ["-c", put]);
    let authority = site.root().join("var/eucalyptus/keys/ca-cert.pem");
    let said = site.machine().must(&python, ["-c", ASK, authority.to_str().unwrap()]);
    assert_eq!(said.trim(), "done");
}
