//! Instances as their owners see them; terminating and rebooting.

use crate::attributes::check_unprotected;
use crate::clusters::bump;
use crate::database::{Connection, Row, Snapshot, State};
use crate::error::{Error, Result};
use crate::fields::{Fields, corrupt};
use crate::image_attributes::{product_codes, product_codes_of_instances};
use crate::nic::{group_tag, mac, shown_ip};
use crate::power;
use crate::request::set_request;
use protocol::{Goal, MetadataOptions};
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use types::{
    AccountId, ClusterName, Figures, GroupId, GroupName, ImageId, InstanceId, InstanceState,
    KeyName, MacAddr, NetworkTag, NodeName, RequestId, ReservationId, Timestamp, UserName,
};

/// How long a terminated instance is shown (DESIGN, "Units and ids").
pub(crate) const SHOWN_AFTER_END_MS: i64 = 3_600_000;

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// The launch that it came with.
    pub reservation: ReservationId,
    /// Its place in the reservation, from 0.
    pub launch_index: u32,
    /// When it was launched.
    pub launch_time: Timestamp,
    /// Its owner.
    pub account: AccountId,
    /// Its cluster, which is its availability zone.
    pub cluster: ClusterName,
    /// Its root image.
    pub image: ImageId,
    /// The architecture of its root image.
    pub architecture: String,
    /// Its kernel.
    pub kernel: Option<ImageId>,
    /// Its ramdisk.
    pub ramdisk: Option<ImageId>,
    /// The name of its VM type.
    pub vm_type: String,
    /// What the type gave it when it was launched.
    pub figures: Figures,
    /// The key pair that may log in.
    pub key_name: Option<KeyName>,
    /// The token that the client gave the launch.
    pub client_token: Option<String>,
    /// Whether it must not be terminated.
    pub protected: bool,
    /// Whether it is to be monitored.
    pub monitoring: bool,
    /// The group network that it is in; none when it is on the site's own network.
    pub tag: Option<NetworkTag>,
    /// Its private address. While it is not known, 0.0.0.0 (Administrator's Guide, "SYSTEM Mode").
    pub ip: Ipv4Addr,
    /// Whether it is to have a public address while it has none of its owner's.
    pub public: bool,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Whether it should run or be gone.
    pub goal: Goal,
    /// Its state.
    pub state: InstanceState,
    /// Why it is in this state, or what it waits for.
    pub reason: Option<String>,
    /// The node that has it.
    pub node: Option<NodeName>,
    /// Whether its node is silent: its state is the last one that was heard.
    pub impaired: bool,
    /// How often it was stopped or started: odd while it should be stopped.
    pub turn: u32,
    /// How its metadata requests are answered.
    pub metadata: MetadataOptions,
    /// Whether its node has not yet said that these options are in force.
    pub metadata_pending: bool,
    /// When it was found to be gone.
    pub terminated_at: Option<Timestamp>,
    /// The product codes of its root image, in order.
    pub products: Vec<String>,
}

/// The instances of one RunInstances call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Its id.
    pub id: ReservationId,
    /// The owner.
    pub account: AccountId,
    /// The owner's name.
    pub user: UserName,
    /// The cluster that took it.
    pub cluster: ClusterName,
    /// The security groups of the launch; the first has the network.
    pub groups: Vec<(GroupId, GroupName)>,
    /// Its instances, by launch index.
    pub instances: Vec<Instance>,
}

/// Which instances to describe.
#[derive(Debug, Clone, Default)]
pub struct InstanceFilter {
    /// Only those of this account.
    pub account: Option<AccountId>,
    /// Only these; empty means all. Those that are not visible are left out.
    pub ids: Vec<InstanceId>,
    /// Only those in one of these states; empty means all.
    pub states: Vec<InstanceState>,
}

/// What a change of desired state did to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateChange {
    /// The instance.
    pub id: InstanceId,
    /// Its state before.
    pub previous: InstanceState,
    /// Its state now.
    pub current: InstanceState,
}

/// The statement that reads instances with their reservation's groups' owner, conditioned.
macro_rules! select_instances {
    ($condition:literal) => {
        concat!(
            "SELECT instances.*, images.architecture, users.name AS user_name,
                 reservations.client_token
             FROM instances JOIN images ON images.id = instances.image
             JOIN reservations ON reservations.id = instances.reservation
             JOIN users ON users.account = instances.account ",
            $condition
        )
    };
}

impl State {
    /// The visible instances that the filter lets through, as reservations in order of launch.
    /// Terminated ones are visible for an hour.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn describe_instances(
        &self,
        filter: &InstanceFilter,
        now: Timestamp,
    ) -> Result<Vec<Reservation>> {
        let mut snapshot = self.snapshot().await?;
        let rows = instance_rows(&mut snapshot, filter, now).await?;
        let mut found = BTreeMap::new();
        for row in &rows {
            let instance = instance(row)?;
            if filter.states.is_empty() || filter.states.contains(&instance.state) {
                add(&mut found, instance, row)?;
            }
        }
        add_groups(&mut snapshot, &mut found, filter).await?;
        add_products(&mut snapshot, &mut found, filter.account).await?;
        Ok(found.into_values().collect())
    }

    /// How many instances are in each state, records of hidden ones left out.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn count_instances(&self, now: Timestamp) -> Result<BTreeMap<String, u64>> {
        let rows = sqlx::query(
            "SELECT state, COUNT(*) AS number FROM instances
             WHERE state <> 'terminated' OR terminated_ms > $1 GROUP BY state",
        )
        .bind(now.plus_millis(-SHOWN_AFTER_END_MS).millis())
        .fetch_all(&mut *self.snapshot().await?)
        .await?;
        rows.iter().map(|row| Ok((row.text("state")?, row.number("number")?))).collect()
    }

    /// How many instances that are not terminated each cluster has.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn count_live_by_cluster(&self) -> Result<BTreeMap<ClusterName, u64>> {
        let rows = sqlx::query(
            "SELECT cluster, COUNT(*) AS number FROM instances WHERE state <> 'terminated'
             GROUP BY cluster",
        )
        .fetch_all(&mut *self.snapshot().await?)
        .await?;
        rows.iter().map(|row| Ok((row.parsed("cluster")?, row.number("number")?))).collect()
    }

    /// Wants these instances gone: their goal is terminate and they are shutting down from now
    /// on. All or none; instances that are shutting down or terminated already stay as they are.
    /// `account` limits it to what that account owns; none is for administrators.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`] for one that is not visible to the account,
    /// [`Error::InstanceProtected`], from administrators too.
    pub async fn terminate_instances(
        &self,
        account: Option<AccountId>,
        ids: Vec<InstanceId>,
        now: Timestamp,
    ) -> Result<Vec<StateChange>> {
        let by = self.request;
        self.write(move |db| Box::pin(terminate(db, by, account, ids, now))).await
    }

    /// Wants these instances rebooted once more. All or none.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`], [`Error::InstanceNotRunning`] for one that is stopped or going
    /// away.
    pub async fn reboot_instances(
        &self,
        account: Option<AccountId>,
        ids: Vec<InstanceId>,
        now: Timestamp,
    ) -> Result<()> {
        let by = self.request;
        self.write(move |db| Box::pin(reboot(db, by, account, ids, now))).await
    }
}

async fn instance_rows(
    snapshot: &mut Snapshot,
    filter: &InstanceFilter,
    now: Timestamp,
) -> Result<Vec<Row>> {
    let account = filter.account.map(|account| account.to_string());
    let shown_since = now.plus_millis(-SHOWN_AFTER_END_MS).millis();
    if filter.ids.is_empty() {
        let all = select_instances!(
            "WHERE (instances.account = $1 OR $1 IS NULL)
             AND (state <> 'terminated' OR terminated_ms > $2)
             ORDER BY launch_ms, reservation, launch_index"
        );
        return Ok(sqlx::query(all)
            .bind(account)
            .bind(shown_since)
            .fetch_all(&mut **snapshot)
            .await?);
    }
    let mut rows = Vec::new();
    for id in &filter.ids {
        let one = select_instances!(
            "WHERE (instances.account = $1 OR $1 IS NULL)
             AND (state <> 'terminated' OR terminated_ms > $2) AND instances.id = $3"
        );
        rows.extend(
            sqlx::query(one)
                .bind(&account)
                .bind(shown_since)
                .bind(id.to_string())
                .fetch_optional(&mut **snapshot)
                .await?,
        );
    }
    Ok(rows)
}

/// The reservation with this id and all its instances, visible or not, within a transaction.
pub(crate) async fn reservation(db: &mut Connection, id: ReservationId) -> Result<Reservation> {
    let rows =
        sqlx::query(select_instances!("WHERE instances.reservation = $1 ORDER BY launch_index"))
            .bind(id.to_string())
            .fetch_all(&mut *db)
            .await?;
    let mut found = BTreeMap::new();
    for row in &rows {
        add(&mut found, instance(row)?, row)?;
    }
    let mut reservation = found
        .into_values()
        .next()
        .ok_or_else(|| corrupt("reservation", format!("{id} has no instances")))?;
    reservation.groups = groups(db, id).await?;
    if let Some(instance) = reservation.instances.first() {
        let products = product_codes(db, instance.image).await?;
        reservation.instances.iter_mut().for_each(|it| it.products.clone_from(&products));
    }
    Ok(reservation)
}

/// Reservations by launch time, so that describing lists them in that order.
type ByLaunch = BTreeMap<(Timestamp, ReservationId), Reservation>;

fn add(found: &mut ByLaunch, instance: Instance, row: &Row) -> Result<()> {
    let user = row.parsed("user_name")?;
    found
        .entry((instance.launch_time, instance.reservation))
        .or_insert_with(|| Reservation {
            id: instance.reservation,
            account: instance.account,
            user,
            cluster: instance.cluster.clone(),
            groups: Vec::new(),
            instances: Vec::new(),
        })
        .instances
        .push(instance);
    Ok(())
}

/// Adds their groups to reservations: one query each where ids were asked for, one for all
/// otherwise.
async fn add_groups(
    db: &mut Connection,
    found: &mut ByLaunch,
    filter: &InstanceFilter,
) -> Result<()> {
    if !filter.ids.is_empty() {
        for reservation in found.values_mut() {
            reservation.groups = groups(db, reservation.id).await?;
        }
        return Ok(());
    }
    let rows = sqlx::query(
        "SELECT reservation_groups.reservation, group_id, group_name FROM reservation_groups
         JOIN reservations ON reservations.id = reservation_groups.reservation
         WHERE reservations.account = $1 OR $1 IS NULL
         ORDER BY reservation_groups.reservation, position",
    )
    .bind(filter.account.map(|account| account.to_string()))
    .fetch_all(db)
    .await?;
    let mut groups: HashMap<ReservationId, Vec<_>> = HashMap::new();
    for row in &rows {
        let group = (row.parsed("group_id")?, row.parsed("group_name")?);
        groups.entry(row.parsed("reservation")?).or_default().push(group);
    }
    for reservation in found.values_mut() {
        reservation.groups = groups.remove(&reservation.id).unwrap_or_default();
    }
    Ok(())
}

/// Adds the product codes of their images to instances.
async fn add_products(
    db: &mut Connection,
    found: &mut ByLaunch,
    account: Option<AccountId>,
) -> Result<()> {
    let products = product_codes_of_instances(db, account).await?;
    for instance in found.values_mut().flat_map(|reservation| &mut reservation.instances) {
        instance.products = products.get(&instance.image).cloned().unwrap_or_default();
    }
    Ok(())
}

async fn groups(
    db: &mut Connection,
    reservation: ReservationId,
) -> Result<Vec<(GroupId, GroupName)>> {
    let rows = sqlx::query(
        "SELECT group_id, group_name FROM reservation_groups WHERE reservation = $1
         ORDER BY position",
    )
    .bind(reservation.to_string())
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| Ok((row.parsed("group_id")?, row.parsed("group_name")?))).collect()
}

fn instance(row: &Row) -> Result<Instance> {
    let id: InstanceId = row.parsed("id")?;
    Ok(Instance {
        id,
        reservation: row.parsed("reservation")?,
        launch_index: row.number("launch_index")?,
        launch_time: row.time("launch_ms")?,
        account: row.parsed("account")?,
        cluster: row.parsed("cluster")?,
        image: row.parsed("image")?,
        architecture: row.text("architecture")?,
        kernel: row.maybe("kernel")?,
        ramdisk: row.maybe("ramdisk")?,
        vm_type: row.text("vm_type")?,
        figures: row.figures()?,
        key_name: row.maybe("key_name")?,
        client_token: row.maybe_text("client_token")?,
        protected: row.flag("protected")?,
        monitoring: row.flag("monitoring")?,
        tag: group_tag(row)?,
        ip: shown_ip(row)?,
        public: row.flag("public")?,
        mac: mac(row, id)?,
        goal: goal(row)?,
        state: state(row)?,
        reason: row.maybe_text("reason")?,
        node: row.maybe("node")?,
        impaired: row.flag("impaired")?,
        turn: row.number("turn")?,
        metadata: power::metadata(row)?,
        metadata_pending: row.flag("metadata_pending")?,
        terminated_at: row.maybe_time("terminated_ms")?,
        products: Vec::new(),
    })
}

/// The column `tag`.
pub(crate) fn tag(row: &Row) -> Result<NetworkTag> {
    row.number::<u16>("tag")?.try_into().map_err(|problem| corrupt("tag", problem))
}

/// The column `state`.
pub(crate) fn state(row: &Row) -> Result<InstanceState> {
    let text = row.text("state")?;
    InstanceState::from_name(&text).ok_or_else(|| corrupt("state", text))
}

/// The column `goal`.
pub(crate) fn goal(row: &Row) -> Result<Goal> {
    match row.text("goal")?.as_str() {
        "run" => Ok(Goal::Run),
        "terminate" => Ok(Goal::Terminate),
        other => Err(corrupt("goal", other)),
    }
}

/// An instance that is to be changed: its cluster and state.
pub(crate) async fn visible(
    db: &mut Connection,
    account: Option<AccountId>,
    id: InstanceId,
    now: Timestamp,
) -> Result<(ClusterName, InstanceState)> {
    let row = sqlx::query(
        "SELECT cluster, state FROM instances
         WHERE id = $1 AND (account = $2 OR $2 IS NULL)
         AND (state <> 'terminated' OR terminated_ms > $3)",
    )
    .bind(id.to_string())
    .bind(account.map(|account| account.to_string()))
    .bind(now.plus_millis(-SHOWN_AFTER_END_MS).millis())
    .fetch_optional(db)
    .await?
    .ok_or(Error::InstanceNotFound(id))?;
    Ok((row.parsed("cluster")?, state(&row)?))
}

async fn terminate(
    db: &mut Connection,
    by: Option<RequestId>,
    account: Option<AccountId>,
    ids: Vec<InstanceId>,
    now: Timestamp,
) -> Result<Vec<StateChange>> {
    let mut changes = Vec::new();
    for id in ids {
        let (cluster, previous) = visible(db, account, id, now).await?;
        check_unprotected(db, id).await?;
        if previous.is_live() && set_terminating(db, id, now).await? {
            set_request(db, id, by).await?;
            bump(db, &cluster).await?;
        }
        let current = previous.max(InstanceState::ShuttingDown);
        changes.push(StateChange { id, previous, current });
    }
    Ok(changes)
}

/// Sets the goal, once: the time in the reason is that of the first request. Answers whether this
/// was the first.
async fn set_terminating(db: &mut Connection, id: InstanceId, now: Timestamp) -> Result<bool> {
    let changed = sqlx::query(
        "UPDATE instances SET goal = 'terminate', state = 'shutting-down', reason = $1
         WHERE id = $2 AND goal = 'run'",
    )
    .bind(format!("User initiated ({now})"))
    .bind(id.to_string())
    .execute(db)
    .await?;
    Ok(changed.rows_affected() == 1)
}

async fn reboot(
    db: &mut Connection,
    by: Option<RequestId>,
    account: Option<AccountId>,
    ids: Vec<InstanceId>,
    now: Timestamp,
) -> Result<()> {
    for id in ids {
        let (cluster, state) = visible(db, account, id, now).await?;
        if state > InstanceState::Running {
            return Err(Error::InstanceNotRunning { id, state: state.as_str() });
        }
        set_request(db, id, by).await?;
        bump(db, &cluster).await?;
        sqlx::query("UPDATE instances SET reboots = reboots + 1 WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
