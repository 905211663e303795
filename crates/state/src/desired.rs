//! The desired state of a cluster, built in one consistent read.

use crate::clusters::generation;
use crate::database::{Connection, Row, State};
use crate::error::Result;
use crate::fields::{Fields, corrupt};
use crate::group_rules::{self, Direction};
use crate::images::reference;
use crate::instances::{goal, tag};
use crate::networks::router;
use crate::nic::nic;
use crate::power;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use protocol::{ClusterDesired, GroupRule, ImageRef, InstanceDesired, InstanceKey, NetworkDesired};
use std::collections::HashMap;
use types::{ClusterName, GroupId, GroupName, InstanceId};

const INSTANCES: &str = "
    SELECT instances.*, users.name AS user_name,
        COALESCE(instances.user_data, reservations.user_data) AS data,
        root.location AS root_location, root.digest AS root_digest,
        root.size_bytes AS root_size, root.format AS root_format, root.boot AS root_boot,
        eki.location AS kernel_location, eki.digest AS kernel_digest,
        eki.size_bytes AS kernel_size,
        eri.location AS ramdisk_location, eri.digest AS ramdisk_digest,
        eri.size_bytes AS ramdisk_size,
        addresses.ip AS public_ip
    FROM instances
    JOIN users ON users.account = instances.account
    JOIN reservations ON reservations.id = instances.reservation
    JOIN images root ON root.id = instances.image
    LEFT JOIN images eki ON eki.id = instances.kernel
    LEFT JOIN images eri ON eri.id = instances.ramdisk
    LEFT JOIN addresses ON addresses.instance = instances.id
    WHERE instances.cluster = $1 AND instances.state <> 'terminated'
    ORDER BY instances.admitted, instances.launch_index";

const GROUPS: &str = "
    SELECT reservation, group_name FROM reservation_groups WHERE reservation IN
        (SELECT reservation FROM instances WHERE cluster = $1 AND state <> 'terminated')
    ORDER BY reservation, position";

const NETWORKS: &str = "
    SELECT networks.tag, networks.subnet, networks.group_id, security_groups.name AS group_name,
        security_groups.account, users.name AS user_name
    FROM networks
    JOIN security_groups ON security_groups.id = networks.group_id
    JOIN users ON users.account = security_groups.account
    WHERE networks.cluster = $1 ORDER BY networks.tag";

const RULES: &str = "
    SELECT * FROM group_rules
    WHERE group_id IN (SELECT group_id FROM networks WHERE cluster = $1)
    ORDER BY group_id, protocol, from_port, to_port, cidr, peer_account, peer_group";

impl State {
    /// All that a cluster should run. `image_source` is the `host:port` at which its nodes fetch
    /// images.
    ///
    /// # Errors
    /// [`Error::ClusterNotFound`](crate::Error::ClusterNotFound).
    pub async fn cluster_desired(
        &self,
        cluster: &ClusterName,
        image_source: &str,
    ) -> Result<ClusterDesired> {
        let mut snapshot = self.snapshot().await?;
        Ok(ClusterDesired {
            generation: generation(&mut snapshot, cluster).await?,
            cluster: cluster.clone(),
            image_source: image_source.to_owned(),
            instances: instances(&mut snapshot, cluster).await?,
            networks: networks(&mut snapshot, cluster).await?,
        })
    }
}

async fn rows(db: &mut Connection, query: &'static str, cluster: &ClusterName) -> Result<Vec<Row>> {
    Ok(sqlx::query(query).bind(cluster.as_str()).fetch_all(db).await?)
}

async fn instances(db: &mut Connection, cluster: &ClusterName) -> Result<Vec<InstanceDesired>> {
    let mut groups: HashMap<String, Vec<GroupName>> = HashMap::new();
    for row in rows(db, GROUPS, cluster).await? {
        groups.entry(row.text("reservation")?).or_default().push(row.parsed("group_name")?);
    }
    let instances = rows(db, INSTANCES, cluster).await?;
    instances.iter().map(|row| instance(row, &groups)).collect()
}

fn root(row: &Row) -> Result<ImageRef> {
    let image = reference(row, ["image", "root_location", "root_digest", "root_size"])?;
    Ok(ImageRef {
        format: row.parsed("root_format")?,
        boot: row.parsed("root_boot")?,
        ..image.ok_or_else(|| corrupt("image", "missing"))?
    })
}

fn instance(row: &Row, groups: &HashMap<String, Vec<GroupName>>) -> Result<InstanceDesired> {
    let id: InstanceId = row.parsed("id")?;
    Ok(InstanceDesired {
        id,
        goal: goal(row)?,
        reboots: row.number("reboots")?,
        turn: row.number("turn")?,
        forced: row.flag("forced")?,
        reservation: row.parsed("reservation")?,
        launch_index: row.number("launch_index")?,
        launch_time: row.time("launch_ms")?,
        account: row.parsed("account")?,
        user: row.parsed("user_name")?,
        groups: groups.get(&row.text("reservation")?).cloned().unwrap_or_default(),
        vm_type: row.text("vm_type")?,
        figures: row.figures()?,
        root: root(row)?,
        kernel: reference(row, ["kernel", "kernel_location", "kernel_digest", "kernel_size"])?,
        ramdisk: reference(row, ["ramdisk", "ramdisk_location", "ramdisk_digest", "ramdisk_size"])?,
        key: key(row)?,
        user_data: BASE64
            .decode(row.text("data")?)
            .map_err(|problem| corrupt("user_data", problem))?,
        metadata: power::metadata(row)?,
        nic: nic(row, id)?,
        request: row.maybe("request")?,
    })
}

fn key(row: &Row) -> Result<Option<InstanceKey>> {
    let Some(name) = row.maybe("key_name")? else { return Ok(None) };
    Ok(Some(InstanceKey { name, public_key: row.text("public_key")? }))
}

async fn networks(db: &mut Connection, cluster: &ClusterName) -> Result<Vec<NetworkDesired>> {
    let mut rules = Rules::new();
    for row in rows(db, RULES, cluster).await? {
        let key = (row.parsed("group_id")?, group_rules::direction(&row)?);
        rules.entry(key).or_default().push(group_rules::content(&row)?);
    }
    let networks = rows(db, NETWORKS, cluster).await?;
    networks.iter().map(|row| network(row, &mut rules)).collect()
}

type Rules = HashMap<(GroupId, Direction), Vec<GroupRule>>;

fn network(row: &Row, rules: &mut Rules) -> Result<NetworkDesired> {
    let group_id = row.parsed("group_id")?;
    let mut of = |direction| rules.remove(&(group_id, direction)).unwrap_or_default();
    let subnet = row.parsed("subnet")?;
    Ok(NetworkDesired {
        tag: tag(row)?,
        account: row.parsed("account")?,
        user: row.parsed("user_name")?,
        group: row.parsed("group_name")?,
        group_id,
        subnet,
        router: router(subnet),
        ingress: of(Direction::Ingress),
        egress: of(Direction::Egress),
    })
}
