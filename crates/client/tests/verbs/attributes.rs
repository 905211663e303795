//! The tools for attributes, monitoring and status of instances.

use crate::ec2::check;
use crate::tool;

const ID: &str = "i-4EA305C1";

fn describe(option: &str, attribute: &str, answer: &str, printed: &str) {
    check(
        &format!("euca-describe-instance-attribute {ID} {option}"),
        &[("Action", "DescribeInstanceAttribute"), ("InstanceId", ID), ("Attribute", attribute)],
        &format!("<R><instanceId>{ID}</instanceId>{answer}</R>"),
        printed,
    );
}

#[test]
fn describe_instance_attribute() {
    describe(
        "--disable-api-termination",
        "disableApiTermination",
        "<disableApiTermination><value>true</value></disableApiTermination>",
        "disableApiTermination|i-4EA305C1|true\n",
    );
    describe("--ramdisk", "ramdisk", "<ramdisk/>", "ramdisk|i-4EA305C1|\n");
    describe(
        "-g",
        "groupSet",
        "<groupSet><item><groupId>default</groupId></item><item><groupId>web</groupId></item>\
         </groupSet>",
        "groupSet|i-4EA305C1|default, web\n",
    );
    describe(
        "--user-data",
        "userData",
        "<userData><value>aGkKeW91</value></userData>",
        "userData|i-4EA305C1\nhi\nyou\n",
    );
    describe("--user-data", "userData", "<userData/>", "userData|i-4EA305C1|\n");
    describe("-b", "blockDeviceMapping", "<blockDeviceMapping/>", "");
}

fn modify(option: &str, parameter: (&str, &str), printed: &str) {
    check(
        &format!("euca-modify-instance-attribute {ID} {option}"),
        &[("Action", "ModifyInstanceAttribute"), ("InstanceId", ID), parameter],
        "<R><return>true</return></R>",
        printed,
    );
}

#[test]
fn modify_and_reset_instance_attribute() {
    modify(
        "--disable-api-termination true",
        ("DisableApiTermination.Value", "true"),
        "disableApiTermination|i-4EA305C1|true\n",
    );
    modify("-d hi?", ("UserData.Value", "aGk/"), "userData|i-4EA305C1|aGk/\n");
    modify(
        "--instance-type m1.large",
        ("InstanceType.Value", "m1.large"),
        "instanceType|i-4EA305C1|m1.large\n",
    );
    modify("-g sg-00000001", ("GroupId.1", "sg-00000001"), "groupSet|i-4EA305C1|sg-00000001\n");
    check(
        "ec2-reset-instance-attribute i-4EA305C1 --kernel",
        &[("Action", "ResetInstanceAttribute"), ("InstanceId", ID), ("Attribute", "kernel")],
        "<R><return>true</return></R>",
        "kernel|i-4EA305C1|RESET\n",
    );
}

#[test]
fn one_attribute_is_named() {
    for line in [
        "euca-describe-instance-attribute i-4EA305C1",
        "euca-describe-instance-attribute i-4EA305C1 --kernel --ramdisk",
        "euca-modify-instance-attribute i-4EA305C1",
        "euca-modify-instance-attribute i-4EA305C1 --kernel eki-1 --ramdisk eri-1",
        "euca-modify-instance-attribute i-4EA305C1 --disable-api-termination perhaps",
        "euca-reset-instance-attribute i-4EA305C1",
    ] {
        let outcome = tool(line, &[]);
        assert_eq!((outcome.code, outcome.asked.len()), (2, 0), "{line}");
    }
}

#[test]
fn monitor_and_unmonitor_instances() {
    for (verb, action, state) in [
        ("monitor", "MonitorInstances", "enabled"),
        ("unmonitor", "UnmonitorInstances", "disabled"),
    ] {
        check(
            &format!("euca-{verb}-instances {ID}"),
            &[("Action", action), ("InstanceId.1", ID)],
            &format!(
                "<R><instancesSet><item><instanceId>{ID}</instanceId><monitoring><state>{state}\
                 </state></monitoring></item></instancesSet></R>"
            ),
            &format!("i-4EA305C1|monitoring-{state}\n"),
        );
    }
}

fn status(id: &str, system: &str, check: &str) -> String {
    format!(
        "<item><instanceId>{id}</instanceId><availabilityZone>one</availabilityZone>\
         <instanceState><code>16</code><name>running</name></instanceState><systemStatus><status>\
         {system}</status><details><item><name>reachability</name><status>{check}</status></item>\
         </details></systemStatus><instanceStatus><status>ok</status><details><item><name>\
         reachability</name><status>passed</status></item></details></instanceStatus></item>"
    )
}

#[test]
fn describe_instance_status() {
    let answer = format!(
        "<R><instanceStatusSet>{}{}</instanceStatusSet></R>",
        status(ID, "ok", "passed"),
        status("i-00000002", "impaired", "failed")
    );
    let silent = "INSTANCE|i-00000002|one|running|16|ok|impaired|active|\n\
                  SYSTEMSTATUS|reachability|failed|\nINSTANCESTATUS|reachability|passed|\n";
    check(
        "euca-describe-instance-status --include-all-instances",
        &[("Action", "DescribeInstanceStatus"), ("IncludeAllInstances", "true")],
        &answer,
        &format!(
            "INSTANCE|i-4EA305C1|one|running|16|ok|ok|active|\nSYSTEMSTATUS|reachability|passed|\n\
             INSTANCESTATUS|reachability|passed|\n{silent}"
        ),
    );
    check(
        "ec2-describe-instance-status -H i-4EA305C1 i-00000002",
        &[
            ("Action", "DescribeInstanceStatus"),
            ("InstanceId.1", ID),
            ("InstanceId.2", "i-00000002"),
        ],
        &answer,
        silent,
    );
}

#[test]
fn get_password_prints_the_refusal() {
    let refusal = "<Response><Errors><Error><Code>UnsupportedOperation</Code><Message>instances \
                   have no Windows password</Message></Error></Errors></Response>";
    let outcome = tool("euca-get-password i-4EA305C1 -k key.pem", &[(400, refusal)]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("UnsupportedOperation"), "{}", outcome.err);
    assert!(outcome.asked[0].form().contains(&("Action".into(), "GetPasswordData".into())));
}

#[test]
fn metadata_options() {
    crate::ec2::check_in(
        "2016-11-15",
        "euca-modify-instance-metadata-options i-4EA305C1 --http-tokens required \
         --http-put-response-hop-limit 2",
        &[
            ("Action", "ModifyInstanceMetadataOptions"),
            ("InstanceId", "i-4EA305C1"),
            ("HttpTokens", "required"),
            ("HttpPutResponseHopLimit", "2"),
        ],
        "<R><instanceId>i-4EA305C1</instanceId><instanceMetadataOptions><state>pending</state>\
         <httpTokens>required</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit>\
         <httpEndpoint>enabled</httpEndpoint></instanceMetadataOptions></R>",
        "METADATAOPTIONS|i-4EA305C1|pending|required|enabled|2\n",
    );
}
