//! `describe-group`, `add-group`, `delete-group`, `authorize`, `revoke`.

use super::Verb;
use crate::ec2::{Connection, NEW, Parameters, call, call_in};
use crate::error::Error;
use crate::session::Session;
use crate::xml::Element;
use clap::Parser;

/// Lists security groups and their rules.
#[derive(Debug, Parser)]
pub(super) struct Describe {
    /// Groups to list (all if none is named)
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Describe {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().list("GroupName", &self.groups);
        let action = "DescribeSecurityGroups";
        let reply = call_in(NEW, session, &self.connection, action, parameters)?;
        for group in reply.items("securityGroupInfo") {
            let (owner, name) = (group.text("ownerId"), group.text("groupName"));
            session.print(&["GROUP", owner, name, group.text("groupDescription")])?;
            for permission in group.items("ipPermissions") {
                print_permission(session, &["PERMISSION", owner, name], permission, false)?;
            }
            for permission in group.items("ipPermissionsEgress") {
                print_permission(session, &["PERMISSION", owner, name], permission, true)?;
            }
        }
        Ok(())
    }
}

/// A line for each other side of a permission.
fn print_permission(
    session: &mut Session<'_, '_>,
    start: &[&str],
    permission: &Element,
    is_egress: bool,
) -> Result<(), Error> {
    let words = ["ipProtocol", "fromPort", "toPort"].map(|name| permission.text(name));
    for range in permission.items("ipRanges") {
        print_rule(session, start, words, &["CIDR", range.text("cidrIp")], is_egress)?;
    }
    for group in permission.items("groups") {
        let peer = ["USER", group.text("userId"), "GRPNAME", group.text("groupName")];
        print_rule(session, start, words, &peer, is_egress)?;
    }
    Ok(())
}

/// The line of one rule: protocol, first and last port, and the other side.
fn print_rule(
    session: &mut Session<'_, '_>,
    start: &[&str],
    [protocol, from, to]: [&str; 3],
    peer: &[&str],
    is_egress: bool,
) -> Result<(), Error> {
    let rule = ["ALLOWS", protocol, from, to, if is_egress { "TO" } else { "FROM" }];
    let end: &[&str] = if is_egress { &["egress"] } else { &[] };
    session.print(&[start, &rule, peer, end].concat())
}

/// Makes a security group.
#[derive(Debug, Parser)]
pub(super) struct Add {
    /// The name of the new group
    #[arg(value_name = "GROUP")]
    name: String,
    /// What the group is for
    #[arg(short, long, value_name = "TEXT")]
    description: String,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Add {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default()
            .with("GroupName", &self.name)
            .with("GroupDescription", &self.description);
        call(session, &self.connection, "CreateSecurityGroup", parameters)?;
        session.print(&["GROUP", &self.name, &self.description])
    }
}

/// Deletes a security group that nothing uses any more.
#[derive(Debug, Parser)]
pub(super) struct Delete {
    /// The group
    #[arg(value_name = "GROUP")]
    name: String,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Delete {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().with("GroupName", &self.name);
        call(session, &self.connection, "DeleteSecurityGroup", parameters)?;
        session.print(&["GROUP", &self.name])
    }
}

/// Lets traffic in to the instances of a security group, or out of it.
#[derive(Debug, Parser)]
pub(super) struct Authorize {
    #[command(flatten)]
    rule: Rule,
}

impl Verb for Authorize {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        self.rule.send(session, "Authorize")
    }
}

/// Takes back what authorize allowed; the options must be the same.
#[derive(Debug, Parser)]
pub(super) struct Revoke {
    #[command(flatten)]
    rule: Rule,
}

impl Verb for Revoke {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        self.rule.send(session, "Revoke")
    }
}

/// The options of a rule.
#[derive(Debug, clap::Args)]
struct Rule {
    /// The security group, by name or id
    #[arg(default_value = "default")]
    group: String,
    /// A rule for traffic that leaves the group; a new group lets out everything
    /// (-P -1 -s 0.0.0.0/0)
    #[arg(long)]
    egress: bool,
    /// tcp, udp, icmp, or -1 for all protocols [default: tcp]
    #[arg(short = 'P', long, value_name = "PROTOCOL", allow_hyphen_values = true)]
    protocol: Option<String>,
    /// A port or a range of ports: "22", "8000-8080"
    #[arg(short, long, value_name = "PORTS", allow_hyphen_values = true)]
    port_range: Option<String>,
    /// ICMP type and code: "8:0"; "-1:-1" is all
    #[arg(short = 't', long, value_name = "TYPE:CODE", allow_hyphen_values = true)]
    icmp_type_code: Option<String>,
    /// The network that is let in, or reached, in CIDR form [default: 0.0.0.0/0]
    #[arg(short = 's', long, value_name = "CIDR", conflicts_with = "source_group")]
    source_subnet: Option<String>,
    /// The security group whose instances are let in, or reached, on all ports and protocols
    #[arg(
        short = 'o',
        long,
        value_name = "GROUP",
        conflicts_with_all = ["protocol", "port_range", "icmp_type_code"]
    )]
    source_group: Option<String>,
    /// The owner of that group [default: you] [env: EC2_USER_ID]
    #[arg(short = 'u', long, value_name = "USER", requires = "source_group")]
    source_group_user: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// What the rule allows, in the words of the printed line and of the request.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    protocol: String,
    /// The first and the last port; none for all protocols.
    ports: Option<(i32, i32)>,
}

impl Range {
    fn all() -> Self {
        Self { protocol: ALL.to_owned(), ports: None }
    }
}

impl Rule {
    fn send(&self, session: &mut Session<'_, '_>, verb: &str) -> Result<(), Error> {
        let is_id = self.group.starts_with("sg-") && self.group.len() == "sg-XXXXXXXX".len();
        let by = if is_id { "GroupId" } else { "GroupName" };
        let parameters = Parameters::default().with(by, &self.group);
        if let Some(peer) = &self.source_group {
            let user = self.source_group_user.as_deref();
            let user = session.setting(user, &["EC2_USER_ID"], "--source-group-user")?;
            let parameters = parameters
                .with("SourceSecurityGroupName", peer)
                .with("SourceSecurityGroupOwnerId", &user);
            self.ask(session, verb, self.egress, parameters)?;
            let three = || {
                [("tcp", (0, 65535)), ("udp", (0, 65535)), ("icmp", (-1, -1))]
                    .map(|(name, ports)| Range { protocol: name.to_owned(), ports: Some(ports) })
            };
            let made = if self.egress { vec![Range::all()] } else { three().into() };
            return self.print(session, &made, &["USER", &user, "GRPNAME", peer]);
        }
        let range = self.range()?;
        let peer = self.source_subnet.as_deref().unwrap_or("0.0.0.0/0");
        let parameters = parameters
            .with("IpProtocol", &range.protocol)
            .maybe("FromPort", range.ports.map(|(from, _)| from))
            .maybe("ToPort", range.ports.map(|(_, to)| to))
            .with("CidrIp", peer);
        self.ask(session, verb, self.egress || range.ports.is_none(), parameters)?;
        self.print(session, &[range], &["CIDR", peer])
    }

    /// Calls the action for the rule's direction. To old versions all protocols are three rules.
    fn ask(
        &self,
        session: &Session<'_, '_>,
        verb: &str,
        is_new: bool,
        parameters: Parameters,
    ) -> Result<(), Error> {
        let direction = if self.egress { "Egress" } else { "Ingress" };
        let action = format!("{verb}SecurityGroup{direction}");
        let asked = match is_new {
            true => call_in(NEW, session, &self.connection, &action, parameters),
            false => call(session, &self.connection, &action, parameters),
        };
        asked.map(drop)
    }

    fn print(
        &self,
        session: &mut Session<'_, '_>,
        ranges: &[Range],
        peer: &[&str],
    ) -> Result<(), Error> {
        session.print(&["GROUP", "", &self.group])?;
        for Range { protocol, ports } in ranges {
            let port = |port: i32| port.to_string();
            let (from, to) = ports.map(|(from, to)| (port(from), port(to))).unwrap_or_default();
            let start = ["PERMISSION", "", &self.group];
            print_rule(session, &start, [protocol, &from, &to], peer, self.egress)?;
        }
        Ok(())
    }

    fn range(&self) -> Result<Range, Error> {
        let protocol = match (&self.protocol, &self.icmp_type_code) {
            (Some(protocol), _) => protocol.to_ascii_lowercase(),
            (None, Some(_)) => "icmp".to_owned(),
            (None, None) => "tcp".to_owned(),
        };
        let ports = match (protocol.as_str(), &self.port_range, &self.icmp_type_code) {
            ("-1" | "all", None, None) => return Ok(Range::all()),
            ("-1" | "all", _, _) => return Err(wrong("--protocol", &protocol, "no ports then")),
            ("icmp", None, text) => icmp(text.as_deref().unwrap_or("-1:-1"))?,
            ("tcp" | "udp", Some(text), None) => ports(text)?,
            ("tcp" | "udp", _, _) => return Err(wrong("--port-range", "", PORTS)),
            ("icmp", Some(text), _) => return Err(wrong("--port-range", text, "none with icmp")),
            _ => return Err(wrong("--protocol", &protocol, "tcp, udp, icmp or -1")),
        };
        Ok(Range { protocol, ports: Some(ports) })
    }
}

/// EC2's name for all protocols.
const ALL: &str = "-1";
const PORTS: &str = "a port, or the first and the last such as 8000-8080, for tcp and udp";

fn wrong(option: &'static str, value: &str, expected: &'static str) -> Error {
    Error::Option { option, value: value.to_owned(), expected }
}

fn ports(text: &str) -> Result<(i32, i32), Error> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (from.parse::<u16>(), to.parse::<u16>()) {
        (Ok(from), Ok(to)) => Ok((from.into(), to.into())),
        _ => Err(wrong("--port-range", text, PORTS)),
    }
}

fn icmp(text: &str) -> Result<(i32, i32), Error> {
    let pair = text.split_once(':').map(|(kind, code)| (kind.parse::<i16>(), code.parse::<i16>()));
    match pair {
        Some((Ok(kind), Ok(code))) => Ok((kind.into(), code.into())),
        _ => Err(wrong("--icmp-type-code", text, "TYPE:CODE, such as 8:0 or -1:-1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(args: &str) -> Option<(String, Option<(i32, i32)>)> {
        let args = ["euca-authorize"].into_iter().chain(args.split_whitespace());
        let rule = Authorize::try_parse_from(args).ok()?.rule;
        rule.range().ok().map(|range| (range.protocol, range.ports))
    }

    #[test]
    fn the_options_of_a_rule_make_one_range() {
        let expect = |protocol: &str, from, to| Some((protocol.to_owned(), Some((from, to))));
        assert_eq!(range("default -P tcp -p 22 -s 0.0.0.0/0"), expect("tcp", 22, 22));
        assert_eq!(range("-p 22"), expect("tcp", 22, 22));
        assert_eq!(range("web -P UDP -p 8000-8080"), expect("udp", 8000, 8080));
        assert_eq!(range("-P icmp -t -1:-1"), expect("icmp", -1, -1));
        assert_eq!(range("-P icmp"), expect("icmp", -1, -1));
        assert_eq!(range("-t 8:0"), expect("icmp", 8, 0));
        for all in ["-P -1", "--egress default -P all -s 10.0.0.0/8"] {
            assert_eq!(range(all), Some(("-1".to_owned(), None)));
        }
        for bad in [
            "",
            "-P tcp",
            "-p x",
            "-p 70000",
            "-p 1-2-3",
            "-P ip -p 1",
            "-P icmp -p 1",
            "-P tcp -p 1 -t 8:0",
            "-P icmp -t 8",
            "-P -1 -p 22",
            "-o other -p 22",
            "-o other -s 10.0.0.0/8",
            "-u 000100729354",
        ] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }
}
