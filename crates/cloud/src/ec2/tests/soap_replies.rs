//! The replies of the documented tools' versions, element by element and in order (FACTS 8.4): the
//! User's Guide's quick start with the bodies that the tools send (FACTS-WIRE, "Bodies each
//! command sends").

use super::soap::{DOCUMENTED, OLD, call, request, signer};
use super::world::World;
use state::User;
use types::ImageKind;
use ws_security::signer::Signer;

/// The text of a time.
const TIME: &str = "2027-01-15T08:00:00";

struct Session {
    world: World,
    user: User,
    signer: Signer,
    version: &'static str,
    /// What differs in each run, and how it is written below.
    names: Vec<(String, &'static str)>,
}

impl Session {
    async fn begin(version: &'static str) -> Self {
        let world = World::new().await;
        let user = world.user("alice").await;
        let signer = signer(&world, &user).await;
        let names = vec![(user.account.to_string(), "OWNER")];
        Self { world, user, signer, version, names }
    }

    /// Remembers the first text of an element under a name.
    fn name(&mut self, answer: &str, element: &str, name: &'static str) -> String {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let text = answer.split(&open).nth(1).unwrap().split(&close).next().unwrap().to_owned();
        self.names.push((text.clone(), name));
        text
    }

    /// Calls an action, and gives the inside of its reply, without the request id.
    async fn raw(&self, action: &str, inner: &str) -> String {
        let answer = call(&self.world, &self.signer, &request(self.version, action, inner)).await;
        let body = answer.good().body;
        let begin = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope \
             xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
             <{action}Response xmlns=\"http://ec2.amazonaws.com/doc/{}/\">",
            self.version
        );
        let end = format!("</{action}Response></soapenv:Body></soapenv:Envelope>");
        let inner = body.strip_prefix(&begin).and_then(|rest| rest.strip_suffix(&end));
        let inner = inner.unwrap_or_else(|| panic!("{body}"));
        match self.version {
            OLD => {
                assert!(!inner.contains("requestId"), "{inner}");
                inner.to_owned()
            }
            _ => {
                let id = inner.strip_prefix("<requestId>").unwrap();
                id.split_once("</requestId>").unwrap().1.to_owned()
            }
        }
    }

    async fn check(&self, action: &str, inner: &str, want: &str) {
        let found = self.raw(action, inner).await;
        assert_eq!(self.named(&found), want, "{action} in {}", self.version);
    }

    fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (value, name) in &self.names {
            text = text.replace(value, name);
        }
        while let Some(at) = text.find(TIME) {
            text.replace_range(at..at + "2027-01-15T08:00:00.000Z".len(), "TIME");
        }
        text
    }
}

const DONE: &str = "<return>true</return>";

async fn images(session: &mut Session) -> String {
    let kernel = session.world.register(&session.world.admin, ImageKind::Kernel, None, true).await;
    let own = session.world.register(&session.user, ImageKind::Machine, Some(kernel), true).await;
    let image = own.to_string();
    session.names.extend([(image.clone(), "EMI"), (kernel.to_string(), "EKI")]);
    let all = session.raw("DescribeImages", "<executableBySet/><imagesSet/><ownersSet/>").await;
    assert_eq!(all.matches("<item>").count(), 2, "{all}");
    let one = format!(
        "<executableBySet><item><user>all</user></item></executableBySet><imagesSet><item><imageId>{image}</imageId></item></imagesSet><ownersSet><item><owner>self</owner></item></ownersSet>"
    );
    session.check("DescribeImages", &one, "<imagesSet><item><imageId>EMI</imageId>\
        <imageLocation>bucket/machine.manifest.xml</imageLocation><imageState>available</imageState>\
        <imageOwnerId>OWNER</imageOwnerId><isPublic>true</isPublic><productCodes/>\
        <architecture>x86_64</architecture><imageType>machine</imageType><kernelId>EKI</kernelId></item></imagesSet>").await;
    let launch = |inner: &str| {
        format!("<imageId>{image}</imageId><launchPermission>{inner}</launchPermission>")
    };
    session.check("DescribeImageAttribute", &launch(""), "<imageId>EMI</imageId><launchPermission><item><group>all</group></item></launchPermission>").await;
    session
        .check(
            "ModifyImageAttribute",
            &launch("<remove><item><group>all</group></item></remove>"),
            DONE,
        )
        .await;
    session
        .check("DescribeImageAttribute", &launch(""), "<imageId>EMI</imageId><launchPermission/>")
        .await;
    session
        .check("ModifyImageAttribute", &launch("<add><item><group>all</group></item></add>"), DONE)
        .await;
    session.check("ResetImageAttribute", &launch(""), DONE).await;
    session
        .check(
            "DescribeImageAttribute",
            &format!("<imageId>{image}</imageId><kernel/>"),
            "<imageId>EMI</imageId><kernel><value>EKI</value></kernel>",
        )
        .await;
    session
        .check(
            "DescribeImageAttribute",
            &format!("<imageId>{image}</imageId><productCodes/>"),
            "<imageId>EMI</imageId><productCodes/>",
        )
        .await;
    image
}

async fn keys_and_groups(session: &mut Session) {
    let pair = session.raw("CreateKeyPair", "<keyName>mykey</keyName>").await;
    let print = session.name(&pair, "keyFingerprint", "PRINT");
    assert!(print.len() > 40 && print.contains(':'));
    session.name(&pair, "keyMaterial", "PEM");
    assert_eq!(
        session.named(&pair),
        "<keyName>mykey</keyName><keyFingerprint>PRINT</keyFingerprint><keyMaterial>PEM</keyMaterial>"
    );
    session.check("DescribeKeyPairs", "<keySet/>", "<keySet><item><keyName>mykey</keyName><keyFingerprint>PRINT</keyFingerprint></item></keySet>").await;
    session
        .check(
            "CreateSecurityGroup",
            "<groupName>web</groupName><groupDescription>for it</groupDescription>",
            DONE,
        )
        .await;
    let tcp = "<userId/><groupName>web</groupName><ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><groups/><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item></ipPermissions>";
    session.check("AuthorizeSecurityGroupIngress", tcp, DONE).await;
    let owner = session.user.account;
    let peer = format!(
        "<userId/><groupName>web</groupName><ipPermissions><item><ipProtocol>icmp</ipProtocol><fromPort>-1</fromPort><toPort>-1</toPort><groups><item><userId>{owner}</userId><groupName>web</groupName></item></groups><ipRanges/></item></ipPermissions>"
    );
    session.check("AuthorizeSecurityGroupIngress", &peer, DONE).await;
    session.check("DescribeSecurityGroups", "<securityGroupSet><item><groupName>web</groupName></item></securityGroupSet>", "<securityGroupInfo><item><ownerId>OWNER</ownerId><groupName>web</groupName><groupDescription>for it</groupDescription><ipPermissions>\
        <item><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><groups/><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item>\
        <item><ipProtocol>icmp</ipProtocol><fromPort>-1</fromPort><toPort>-1</toPort><groups><item><userId>OWNER</userId><groupName>web</groupName></item></groups><ipRanges/></item></ipPermissions></item></securityGroupInfo>").await;
    session.check("RevokeSecurityGroupIngress", &peer, DONE).await;
}

async fn instances(session: &mut Session, image: &str) -> String {
    let run = format!(
        "<imageId>{image}</imageId><minCount>1</minCount><maxCount>1</maxCount><keyName>mykey</keyName><groupSet><item><groupId>web</groupId></item></groupSet>\
        <userData version=\"1.0\" encoding=\"base64\"><data>aGVsbG8=</data></userData><instanceType>m1.small</instanceType><placement><availabilityZone>one</availabilityZone></placement>\
        <blockDeviceMapping><item><virtualName>ephemeral0</virtualName><deviceName>sda2</deviceName></item></blockDeviceMapping>"
    );
    let started = session.raw("RunInstances", &run).await;
    session.name(&started, "reservationId", "RES");
    let id = session.name(&started, "instanceId", "INST");
    session.name(&started, "privateDnsName", "PRIVATE");
    session.name(&started, "dnsName", "PUBLIC");
    let instance = |state: &str| {
        format!(
            "<item><instanceId>INST</instanceId><imageId>EMI</imageId><instanceState>{state}</instanceState><privateDnsName>PRIVATE</privateDnsName><dnsName>PUBLIC</dnsName>\
        <keyName>mykey</keyName><amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>m1.small</instanceType><launchTime>TIME</launchTime><placement><availabilityZone>one</availabilityZone></placement><kernelId>EKI</kernelId></item>"
        )
    };
    let reservation = |state: &str| {
        format!(
            "<reservationId>RES</reservationId><ownerId>OWNER</ownerId><groupSet><item><groupId>web</groupId></item></groupSet><instancesSet>{}</instancesSet>",
            instance(state)
        )
    };
    assert_eq!(session.named(&started), reservation("<code>0</code><name>pending</name>"));
    session.world.settle().await;
    let running = reservation("<code>16</code><name>running</name>");
    session
        .check(
            "DescribeInstances",
            "<instancesSet/>",
            &format!("<reservationSet><item>{running}</item></reservationSet>"),
        )
        .await;
    session.check("GetConsoleOutput", &format!("<instanceId>{id}</instanceId>"), "<instanceId>INST</instanceId><timestamp>2009-01-06T12:00:00.000Z</timestamp><output>aGVsbG8K</output>").await;
    let set = format!("<instancesSet><item><instanceId>{id}</instanceId></item></instancesSet>");
    session.check("RebootInstances", &set, DONE).await;
    id
}

async fn addresses(session: &mut Session, id: &str) {
    let allocated = session.raw("AllocateAddress", "").await;
    let ip = session.name(&allocated, "publicIp", "IP");
    assert_eq!(session.named(&allocated), "<publicIp>IP</publicIp>");
    let one = format!("<publicIp>{ip}</publicIp>");
    let item = "<addressesSet><item><publicIp>IP</publicIp><instanceId>available</instanceId></item></addressesSet>";
    session.check("DescribeAddresses", "<publicIpsSet/>", item).await;
    session.check("AssociateAddress", &format!("{one}<instanceId>{id}</instanceId>"), DONE).await;
    let item = "<addressesSet><item><publicIp>IP</publicIp><instanceId>INST</instanceId></item></addressesSet>";
    session
        .check(
            "DescribeAddresses",
            &format!("<publicIpsSet><item>{one}</item></publicIpsSet>"),
            item,
        )
        .await;
    session.check("DisassociateAddress", &one, DONE).await;
    session.check("ReleaseAddress", &one, DONE).await;
}

async fn quick_start(version: &'static str) {
    let mut session = Session::begin(version).await;
    let region = if version == OLD { "" } else { "<regionName>eucalyptus</regionName>" };
    let zone = format!(
        "<availabilityZoneInfo><item><zoneName>one</zoneName><zoneState>front-end</zoneState>{region}</item></availabilityZoneInfo>"
    );
    let zones = session.raw("DescribeAvailabilityZones", "<availabilityZoneSet/>").await;
    assert_eq!(zones, zone);
    let verbose = session
        .raw(
            "DescribeAvailabilityZones",
            "<availabilityZoneSet><item><zoneName>verbose</zoneName></item></availabilityZoneSet>",
        )
        .await;
    assert!(verbose.contains("m1.small"), "{verbose}");
    let image = images(&mut session).await;
    keys_and_groups(&mut session).await;
    let id = instances(&mut session, &image).await;
    addresses(&mut session, &id).await;
    let set = format!("<instancesSet><item><instanceId>{id}</instanceId></item></instancesSet>");
    session.check("TerminateInstances", &set, "<instancesSet><item><instanceId>INST</instanceId><shutdownState><code>32</code><name>shutting-down</name></shutdownState><previousState><code>16</code><name>running</name></previousState></item></instancesSet>").await;
    session.world.settle().await;
    session.check("DeleteKeyPair", "<keyName>mykey</keyName>", DONE).await;
    session.check("DescribeKeyPairs", "<keySet/>", "<keySet/>").await;
    session.check("DeleteSecurityGroup", "<groupName>web</groupName>", DONE).await;
    session.check("DeregisterImage", &format!("<imageId>{image}</imageId>"), DONE).await;
}

#[tokio::test]
async fn the_quick_start_in_the_namespace_of_api_tools_1_3_24159() {
    quick_start(OLD).await;
}

#[tokio::test]
async fn the_quick_start_in_the_namespace_of_api_tools_1_3_30349() {
    quick_start(DOCUMENTED).await;
}

/// Tools of 2010 and 2013 fail on answers without these elements (FACTS-WIRE).
#[tokio::test]
async fn later_tools_find_what_they_insist_on() {
    for version in ["2010-06-15", "2013-02-01"] {
        let session = Session::begin(version).await;
        let image = session.world.image().await;
        let images = session.raw("DescribeImages", "<imagesSet/>").await;
        assert!(images.contains("<blockDeviceMapping/>"), "{images}");
        let run = format!("<imageId>{image}</imageId><minCount>1</minCount><maxCount>1</maxCount>");
        let started = session.raw("RunInstances", &run).await;
        assert!(started.contains("<monitoring><state>disabled</state></monitoring>"), "{started}");
        let zones = session.raw("DescribeAvailabilityZones", "<availabilityZoneSet/>").await;
        assert!(zones.contains("<messageSet/>"), "{zones}");
    }
}
