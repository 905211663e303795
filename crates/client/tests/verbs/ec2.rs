//! The EC2 tools: parameters sent and lines printed.

use crate::server::Server;
use crate::{ACCESS, SECRET, eucarc, run, tool};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use types::Timestamp;

/// Runs a tool against one answer; checks all parameters that are not about signing, and what is
/// printed with TABs written as `|`.
#[track_caller]
pub(crate) fn check(line: &str, parameters: &[(&str, &str)], answer: &str, printed: &str) {
    check_in("2009-11-30", line, parameters, answer, printed);
}

/// The same for a tool that asks in this version of the API.
#[track_caller]
pub(crate) fn check_in(
    version: &str,
    line: &str,
    parameters: &[(&str, &str)],
    answer: &str,
    printed: &str,
) {
    let outcome = tool(line, &[(200, answer)]);
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{line}");
    assert_eq!(outcome.out.replace('\t', "|"), printed, "{line}");
    let asked = &outcome.asked[0];
    assert_eq!(asked.line(), "POST /services/Eucalyptus");
    let mut form = asked.form();
    let signing = [
        "AWSAccessKeyId",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "Timestamp",
        "Version",
    ];
    assert!(form.contains(&("Version".to_owned(), version.to_owned())));
    form.retain(|(name, _)| !signing.contains(&name.as_str()));
    form.sort();
    let mut expected: Vec<_> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    expected.sort();
    assert_eq!(form, expected, "{line}");
}

const INSTANCE: &str = "<instanceId>i-4EA305C1</instanceId><imageId>emi-0123ABCD</imageId>\
    <instanceState><code>16</code><name>running</name></instanceState>\
    <privateDnsName>10.1.2.3</privateDnsName><dnsName>192.168.7.5</dnsName>\
    <keyName>mykey</keyName><amiLaunchIndex>0</amiLaunchIndex><productCodes/>\
    <instanceType>m1.small</instanceType><launchTime>2009-10-29T16:34:23.000Z</launchTime>\
    <placement><availabilityZone>cluster01</availabilityZone></placement>\
    <kernelId>eki-00000001</kernelId><ramdiskId>eri-00000002</ramdiskId>";
const INSTANCE_LINE: &str = "INSTANCE|i-4EA305C1|emi-0123ABCD|192.168.7.5|10.1.2.3|running|mykey|0||\
    m1.small|2009-10-29T16:34:23+0000|cluster01|eki-00000001|eri-00000002|\n";

fn reservation(instances: &str) -> String {
    format!(
        "<reservationId>r-AA00BB11</reservationId><ownerId>000100729354</ownerId><groupSet>\
         <item><groupId>default</groupId></item><item><groupId>web</groupId></item></groupSet>\
         <instancesSet>{instances}</instancesSet>"
    )
}

#[test]
fn run_instances() {
    let answer = format!(
        "<RunInstancesResponse xmlns='http://ec2.amazonaws.com/doc/2009-11-30/'><requestId>1\
         </requestId>{}</RunInstancesResponse>",
        reservation(&format!("<item>{INSTANCE}</item>"))
    );
    let printed = format!("RESERVATION|r-AA00BB11|000100729354|default,web\n{INSTANCE_LINE}");
    check(
        "euca-run-instances emi-0123ABCD",
        &[
            ("Action", "RunInstances"),
            ("ImageId", "emi-0123ABCD"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
        ],
        &answer,
        &printed,
    );
    check(
        "ec2-run-instances emi-0123ABCD -k mykey -n 2-5 -t c1.medium -g default -g web -d hi? \
         -z cluster01 --kernel eki-00000001 --ramdisk eri-00000002 -b ephemeral0=sda2 \
         --client-token t1 -m --disable-api-termination",
        &[
            ("Action", "RunInstances"),
            ("ImageId", "emi-0123ABCD"),
            ("MinCount", "2"),
            ("MaxCount", "5"),
            ("KeyName", "mykey"),
            ("SecurityGroup.1", "default"),
            ("SecurityGroup.2", "web"),
            ("UserData", "aGk/"),
            ("InstanceType", "c1.medium"),
            ("Placement.AvailabilityZone", "cluster01"),
            ("KernelId", "eki-00000001"),
            ("RamdiskId", "eri-00000002"),
            ("BlockDeviceMapping.1.VirtualName", "ephemeral0"),
            ("BlockDeviceMapping.1.DeviceName", "sda2"),
            ("ClientToken", "t1"),
            ("Monitoring.Enabled", "true"),
            ("DisableApiTermination", "true"),
        ],
        &answer,
        &printed,
    );
}

#[test]
fn user_data_comes_from_a_file_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    std::fs::write(&path, [0xff, 0x00, 0x0a]).unwrap();
    let answer = format!("<R>{}</R>", reservation(""));
    let outcome =
        tool(&format!("euca-run-instances emi-0123ABCD -f {}", path.display()), &[(200, &answer)]);
    assert!(outcome.asked[0].form().contains(&("UserData".to_owned(), "/wAK".to_owned())));
}

#[test]
fn describe_instances() {
    let failed = INSTANCE.replace("running", "terminated").replace(
        "<keyName>",
        "<reason>Server.InternalError: the node's disk is full</reason><keyName>",
    );
    let answer = format!(
        "<R><reservationSet><item>{}</item><item>{}</item></reservationSet></R>",
        reservation(&format!("<item>{INSTANCE}</item>")),
        reservation(&format!("<item>{failed}</item>"))
    );
    let header = "RESERVATION|r-AA00BB11|000100729354|default,web\n";
    let terminated = INSTANCE_LINE.replace("running", "terminated");
    check(
        "euca-describe-instances i-4EA305C1 i-00000000",
        &[
            ("Action", "DescribeInstances"),
            ("InstanceId.1", "i-4EA305C1"),
            ("InstanceId.2", "i-00000000"),
        ],
        &answer,
        &format!(
            "{header}{INSTANCE_LINE}{header}{terminated}REASON|i-4EA305C1|\
             Server.InternalError: the node's disk is full\n"
        ),
    );
    check(
        "ec2-describe-instances",
        &[("Action", "DescribeInstances")],
        "<R><reservationSet/></R>",
        "",
    );
}

#[test]
fn terminate_and_reboot_instances() {
    for name in ["shutdownState", "currentState"] {
        check(
            "euca-terminate-instances i-4EA305C1",
            &[("Action", "TerminateInstances"), ("InstanceId.1", "i-4EA305C1")],
            &format!(
                "<R><instancesSet><item><instanceId>i-4EA305C1</instanceId><{name}><code>32</code>\
                 <name>shutting-down</name></{name}><previousState><code>16</code><name>running\
                 </name></previousState></item></instancesSet></R>"
            ),
            "INSTANCE|i-4EA305C1|running|shutting-down\n",
        );
    }
    check(
        "euca-reboot-instances i-4EA305C1",
        &[("Action", "RebootInstances"), ("InstanceId.1", "i-4EA305C1")],
        "<R><return>true</return></R>",
        "",
    );
}

#[test]
fn stop_and_start_instances() {
    let answer = |state: &str, before: &str| {
        format!(
            "<R><instancesSet><item><instanceId>i-4EA305C1</instanceId><currentState><code>1\
             </code><name>{state}</name></currentState><previousState><code>2</code><name>{before}\
             </name></previousState></item></instancesSet></R>"
        )
    };
    check(
        "euca-stop-instances i-4EA305C1",
        &[("Action", "StopInstances"), ("InstanceId.1", "i-4EA305C1")],
        &answer("stopping", "running"),
        "INSTANCE|i-4EA305C1|running|stopping\n",
    );
    for force in ["-f", "--force"] {
        check(
            &format!("ec2-stop-instances {force} i-4EA305C1 i-00000001"),
            &[
                ("Action", "StopInstances"),
                ("InstanceId.1", "i-4EA305C1"),
                ("InstanceId.2", "i-00000001"),
                ("Force", "true"),
            ],
            &answer("stopping", "stopping"),
            "INSTANCE|i-4EA305C1|stopping|stopping\n",
        );
    }
    check(
        "euca-start-instances i-4EA305C1",
        &[("Action", "StartInstances"), ("InstanceId.1", "i-4EA305C1")],
        &answer("pending", "stopped"),
        "INSTANCE|i-4EA305C1|stopped|pending\n",
    );
}

#[test]
fn get_console_output() {
    check(
        "euca-get-console-output i-4EA305C1",
        &[("Action", "GetConsoleOutput"), ("InstanceId", "i-4EA305C1")],
        "<R><instanceId>i-4EA305C1</instanceId><timestamp>2009-10-29T16:34:23.000Z</timestamp>\
         <output>TGludXgg\ndmVyc2lvbiA2Cg==</output></R>",
        "i-4EA305C1\n2009-10-29T16:34:23+0000\nLinux version 6\n",
    );
}

#[test]
fn describe_images_register_and_deregister() {
    check(
        "euca-describe-images -o self -x all emi-0123ABCD",
        &[
            ("Action", "DescribeImages"),
            ("ImageId.1", "emi-0123ABCD"),
            ("Owner.1", "self"),
            ("ExecutableBy.1", "all"),
        ],
        "<R><imagesSet><item><imageId>emi-0123ABCD</imageId><imageLocation>b/i.manifest.xml\
         </imageLocation><imageState>available</imageState><imageOwnerId>000100729354\
         </imageOwnerId><isPublic>true</isPublic><productCodes><item><productCode>A1</productCode>\
         </item></productCodes><architecture>x86_64</architecture><imageType>machine</imageType>\
         <kernelId>eki-00000001</kernelId></item><item><imageId>eki-00000001</imageId>\
         <isPublic>false</isPublic></item></imagesSet></R>",
        "IMAGE|emi-0123ABCD|b/i.manifest.xml|000100729354|available|public|A1|x86_64|machine|\
         eki-00000001||\nIMAGE|eki-00000001||||private||||||\n",
    );
    check(
        "ec2-register b/i.manifest.xml",
        &[("Action", "RegisterImage"), ("ImageLocation", "b/i.manifest.xml")],
        "<R><imageId>emi-0123ABCD</imageId></R>",
        "IMAGE|emi-0123ABCD\n",
    );
    check(
        "euca-deregister emi-0123ABCD",
        &[("Action", "DeregisterImage"), ("ImageId", "emi-0123ABCD")],
        "<R><return>true</return></R>",
        "IMAGE|emi-0123ABCD\n",
    );
}

const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";

#[test]
fn keypairs() {
    let answer = format!(
        "<R><keyName>mykey</keyName><keyFingerprint>aa:bb</keyFingerprint><keyMaterial>{KEY}\n\
         </keyMaterial></R>"
    );
    check(
        "euca-add-keypair mykey",
        &[("Action", "CreateKeyPair"), ("KeyName", "mykey")],
        &answer,
        &format!("KEYPAIR|mykey|aa:bb\n{KEY}\n"),
    );
    check(
        "euca-describe-keypairs",
        &[("Action", "DescribeKeyPairs")],
        "<R><keySet><item><keyName>mykey</keyName><keyFingerprint>aa:bb</keyFingerprint></item>\
         </keySet></R>",
        "KEYPAIR|mykey|aa:bb\n",
    );
    check(
        "euca-delete-keypair mykey",
        &[("Action", "DeleteKeyPair"), ("KeyName", "mykey")],
        "<R><return>true</return></R>",
        "KEYPAIR|mykey\n",
    );
}

#[test]
fn a_private_key_in_a_file_is_for_its_owner_alone_and_never_overwrites_another() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mykey.private");
    let line = format!("euca-add-keypair mykey -f {}", path.display());
    let refused = tool(&line, &[(400, "")]);
    assert_eq!((refused.code, path.exists()), (1, false));
    let answer = format!("<R><keyName>mykey</keyName><keyMaterial>{KEY}</keyMaterial></R>");
    let outcome = tool(&line, &[(200, &answer)]);
    assert_eq!((outcome.code, outcome.out.as_str()), (0, "KEYPAIR\tmykey\t\n"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{KEY}\n"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, _, err) = run(&line, eucarc("http", "127.0.0.1:1".parse().unwrap()));
    assert_eq!(code, 1);
    assert!(err.contains("mykey.private"), "{err}");
}

#[test]
fn groups_are_made_and_deleted_and_the_region_is_shown() {
    check(
        "ec2-add-group web -d pages",
        &[("Action", "CreateSecurityGroup"), ("GroupName", "web"), ("GroupDescription", "pages")],
        "<R><return>true</return></R>",
        "GROUP|web|pages\n",
    );
    check(
        "euca-delete-group web",
        &[("Action", "DeleteSecurityGroup"), ("GroupName", "web")],
        "<R><return>true</return></R>",
        "GROUP|web\n",
    );
    check(
        "euca-describe-regions eucalyptus",
        &[("Action", "DescribeRegions"), ("RegionName.1", "eucalyptus")],
        "<R><regionInfo><item><regionName>eucalyptus</regionName><regionEndpoint>http://h/e\
         </regionEndpoint></item></regionInfo></R>",
        "REGION|eucalyptus|http://h/e\n",
    );
}

#[test]
fn describe_availability_zones() {
    check(
        "euca-describe-availability-zones verbose",
        &[("Action", "DescribeAvailabilityZones"), ("ZoneName.1", "verbose")],
        "<R><availabilityZoneInfo><item><zoneName>cluster01</zoneName><zoneState>10.0.0.1\
         </zoneState></item><item><zoneName>|- m1.small</zoneName><zoneState>\
         0008 / 0008   1    128    10</zoneState></item><item><zoneName>z</zoneName><zoneState>available</zoneState>\
         <regionName>eucalyptus</regionName></item></availabilityZoneInfo></R>",
        "AVAILABILITYZONE|cluster01|10.0.0.1\n\
         AVAILABILITYZONE||- m1.small|0008 / 0008   1    128    10\n\
         AVAILABILITYZONE|z|available|eucalyptus\n",
    );
}

#[test]
fn requests_are_signed_so_that_our_own_front_door_accepts_them() {
    let outcome = tool("euca-describe-keypairs a=b&c+d", &[(200, "<R/>")]);
    let asked = &outcome.asked[0];
    let form = asked.form();
    assert!(form.contains(&("KeyName.1".to_owned(), "a=b&c+d".to_owned())));
    let request =
        signature::ec2::Request { head: asked.head(), parameters: &form, body: &asked.body };
    let claim = signature::ec2::claim(&request).unwrap();
    assert_eq!(claim.access_key(), ACCESS);
    claim.verify(&request, SECRET, Timestamp::now()).unwrap();
    assert!(claim.verify(&request, "another secret", Timestamp::now()).is_err());
}

#[test]
fn https_is_trusted_through_the_authority_in_aws_ca_bundle() {
    let authority = || rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (own, foreign) = (authority(), authority());
    let key = own.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("authority.pem");
    let ask = |pem: String| {
        std::fs::write(&path, pem).unwrap();
        let config = Arc::clone(&config);
        let server = Server::over(&[(200, "<R/>")], move |stream| {
            StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream)
        });
        let mut environment = eucarc("https", server.address);
        environment.push(("AWS_CA_BUNDLE".to_owned(), path.to_str().unwrap().to_owned()));
        let (code, _, err) = run("euca-describe-keypairs", environment);
        (code, err, server.asked().len())
    };
    assert_eq!(ask(own.cert.pem()), (0, String::new(), 1));
    let (code, err, asked) = ask(foreign.cert.pem());
    assert_eq!((code, asked), (1, 0));
    assert!(err.contains("is not who it should be"), "{err}");
    let (code, err, _) = ask("no certificate".to_owned());
    assert_eq!(code, 1);
    assert!(err.contains("authority.pem: it holds no certificate"), "{err}");
}

#[test]
fn the_account_and_the_instance_types() {
    check(
        "euca-describe-account-attributes max-elastic-ips supported-platforms",
        &[
            ("Action", "DescribeAccountAttributes"),
            ("AttributeName.1", "max-elastic-ips"),
            ("AttributeName.2", "supported-platforms"),
        ],
        "<R><accountAttributeSet><item><attributeName>max-elastic-ips</attributeName>\
         <attributeValueSet><item><attributeValue>5</attributeValue></item></attributeValueSet>\
         </item></accountAttributeSet></R>",
        "ACCOUNTATTRIBUTE|max-elastic-ips\nVALUE|5\n",
    );
    check(
        "ec2-describe-instance-types m1.small",
        &[("Action", "DescribeInstanceTypes"), ("InstanceType.1", "m1.small")],
        "<R><instanceTypeDetails><item><name>m1.small</name><cpu>1</cpu><disk>10</disk>\
         <memory>128</memory></item></instanceTypeDetails></R>",
        "INSTANCETYPE|m1.small|1|128|10\n",
    );
}
