//! What is said when something is wrong.

use crate::{eucarc, run, tool};
use std::net::TcpListener;

#[test]
fn what_the_cloud_refuses_is_printed_as_code_and_message() {
    let body = "<?xml version=\"1.0\"?>\n<Response><Errors><Error><Code>InvalidAMIID.NotFound</Code>\
                <Message>there is no image emi-00000000</Message></Error></Errors>\
                <RequestID>r</RequestID></Response>";
    let outcome = tool("euca-run-instances emi-00000000", &[(400, body)]);
    assert_eq!(outcome.code, 1);
    assert_eq!(outcome.err, "InvalidAMIID.NotFound: there is no image emi-00000000\n");
    assert_eq!(outcome.out, "");
}

#[test]
fn an_answer_without_an_error_document_shows_its_status() {
    for body in ["", "<html>", "nonsense"] {
        let outcome = tool("euca-describe-images", &[(503, body)]);
        assert_eq!((outcome.code, outcome.err.as_str()), (1, "HTTP 503: Service Unavailable\n"));
    }
    let outcome = tool("euca-describe-images", &[(200, "not XML")]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("is not understood"), "{}", outcome.err);
}

#[test]
fn a_cloud_that_is_away_is_named_with_a_remedy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (code, _, err) = run("euca-describe-images", eucarc("http", address));
    assert_eq!(code, 1);
    assert!(err.contains(&format!("http://{address}/services/Eucalyptus")), "{err}");
    assert!(err.contains("is the cloud running there?"), "{err}");
}

#[test]
fn a_missing_setting_is_named_with_a_remedy() {
    for (missing, option) in [
        ("EC2_URL", "--url"),
        ("EC2_ACCESS_KEY", "--access-key"),
        ("EC2_SECRET_KEY", "--secret-key"),
    ] {
        let mut environment = eucarc("http", "127.0.0.1:1".parse().unwrap());
        environment.retain(|(name, _)| name != missing);
        let (code, _, err) = run("ec2-describe-images", environment);
        assert_eq!(code, 1);
        assert!(err.contains(missing) && err.contains("eucarc") && err.contains(option), "{err}");
    }
}

#[test]
fn wrong_options_are_a_usage_error_before_anything_is_sent() {
    let environment = || eucarc("http", "127.0.0.1:1".parse().unwrap());
    for line in [
        "euca-run-instances",
        "euca-run-instances emi-1 -n many",
        "euca-run-instances emi-1 -b sda2",
        "euca-run-instances emi-1 -d text -f file",
        "euca-terminate-instances",
        "euca-describe-images --no-such-option",
        "euca-authorize default -P tcp",
        "euca-authorize default -P ip -p 22",
        "euca-add-keypair",
        "euca-no-such-tool",
    ] {
        let (code, out, err) = run(line, environment());
        assert_eq!((code, out.as_str()), (2, ""), "{line}: {err}");
        assert!(!err.is_empty(), "{line}");
    }
}
