//! RunInstances: everything that a launch decides, in one transaction.

use crate::addresses::{self, Address};
use crate::choice::Seat;
use crate::clusters::{self, ClusterConfig};
use crate::database::{Connection, State};
use crate::error::{Error, Result};
use crate::fields::column;
use crate::groups::GroupRef;
use crate::images::{Image, launchable_as};
use crate::instances::{self, Reservation};
use crate::users::{self, User};
use crate::{choice, launch, pools, settings, tags, tokens};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use protocol::{Generation, MetadataOptions};
use types::{
    AccountId, AddressPair, ClusterName, GroupId, GroupName, ImageId, ImageKind, InstanceId,
    KeyName, RequestId, ReservationId, Tags, Timestamp, VmType,
};

/// What RunInstances asks for. Its numbers and lengths have been checked.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// Who launches.
    pub account: AccountId,
    /// The client's token: a second request with it answers what the first one did.
    pub client_token: Option<String>,
    /// Stands for all the parameters: a token must come with the same again.
    pub request_digest: String,
    /// The least number of instances that is of use.
    pub min_count: u32,
    /// The most that is wanted.
    pub max_count: u32,
    /// The availability zone; none leaves the choice to the cloud.
    pub cluster: Option<ClusterName>,
    /// The root image.
    pub image: ImageId,
    /// The kernel; none means the image's own, else the default.
    pub kernel: Option<ImageId>,
    /// The ramdisk; none means the image's own, else the default.
    pub ramdisk: Option<ImageId>,
    /// The name of the VM type.
    pub vm_type: String,
    /// The key pair that may log in.
    pub key: Option<KeyName>,
    /// The security groups; none means the default group. The first has the network.
    pub groups: Vec<GroupRef>,
    /// User data, decoded.
    pub user_data: Vec<u8>,
    /// Tags for each instance.
    pub tags: Tags,
    /// Whether the instances must not be terminated until that is allowed.
    pub protected: bool,
    /// Whether the instances are to be monitored.
    pub monitoring: bool,
    /// How their metadata requests are answered.
    pub metadata: MetadataOptions,
    /// Whether each gets a public address, where the cluster has any.
    pub public: bool,
}

/// What a launch came to.
#[derive(Debug, Clone)]
pub struct RunOutcome {
    /// The reservation with its instances.
    pub reservation: Reservation,
    /// The public addresses that its instances were given.
    pub addresses: Vec<Address>,
    /// False when the client token was known and nothing was launched.
    pub launched: bool,
}

/// A launch of which everything is decided but the instances themselves.
struct Plan {
    owner: User,
    image: Image,
    kernel: Option<Image>,
    ramdisk: Option<Image>,
    vm_type: VmType,
    key: Option<(KeyName, String)>,
    groups: Vec<(GroupId, GroupName)>,
    cluster: ClusterConfig,
    seats: Vec<Seat>,
    metadata: MetadataOptions,
}

impl Plan {
    /// Whether the instances are to have public addresses.
    fn is_public(&self, request: &RunRequest) -> bool {
        request.public && !self.cluster.public_addresses.is_empty()
    }
}

impl State {
    /// Launches instances: checks the token, the images and their permissions, key and groups;
    /// chooses the cluster; admits as many as there is room for; gives network, addresses and
    /// ids. Where no public address is free, it goes without. When it returns the launch is on disk and its cluster has a new generation.
    ///
    /// # Errors
    /// What is wrong with the request, or [`Error::NoCapacity`], [`Error::AddressesExhausted`],
    /// [`Error::NetworksExhausted`], [`Error::PairsExhausted`], [`Error::TokenMismatch`], [`Error::TokenTerminated`]. Nothing
    /// is launched then.
    pub async fn run_instances(&self, request: RunRequest, now: Timestamp) -> Result<RunOutcome> {
        let by = self.request;
        self.write(move |db| Box::pin(run(db, request, by, now))).await
    }
}

async fn run(
    db: &mut Connection,
    request: RunRequest,
    by: Option<RequestId>,
    now: Timestamp,
) -> Result<RunOutcome> {
    if let Some(reservation) = tokens::launched_before(db, &request, now).await? {
        return Ok(RunOutcome { reservation, addresses: Vec::new(), launched: false });
    }
    let plan = plan(db, &request, now).await?;
    let admitted = clusters::bump(db, &plan.cluster.name).await?;
    let id = insert_reservation(db, &request, &plan, now).await?;
    for launched in (0i64..).zip(plan.seats.iter().copied()) {
        let place = Place { reservation: id, admitted, launched, by, now };
        while !insert_instance(db, &request, &plan, &place).await? {}
    }
    let reservation = instances::reservation(db, id).await?;
    for instance in reservation.instances.iter().filter(|instance| instance.public) {
        pools::give(db, instance.id).await?;
    }
    let addresses = match plan.is_public(&request) {
        true => addresses::of_launch(db, id).await?,
        false => Vec::new(),
    };
    for instance in &reservation.instances {
        tags::put(db, request.account, instance.id, &request.tags).await?;
    }
    if !request.tags.is_empty() {
        tags::check_account(db, request.account).await?;
    }
    Ok(RunOutcome { reservation, addresses, launched: true })
}

async fn plan(db: &mut Connection, request: &RunRequest, now: Timestamp) -> Result<Plan> {
    let owner = users::by_account(db, request.account).await?;
    let image = launchable_as(db, ImageKind::Machine, request.image, &owner).await?;
    let (kernel, ramdisk) = boot_images(db, request, &image, &owner).await?;
    let vm_type = vm_type(db, &request.vm_type).await?;
    let key = key(db, request).await?;
    let groups = launch::groups(db, request.account, &request.groups, now).await?;
    let site = choice::choose(db, request, &vm_type, &groups[0], now).await?;
    let choice::Site { cluster, seats } = site;
    Ok(Plan {
        owner,
        image,
        kernel,
        ramdisk,
        vm_type,
        key,
        groups,
        cluster,
        seats,
        metadata: request.metadata,
    })
}

/// Kernel and ramdisk: those of the request, else the image's own, else the defaults (FACTS 6.4);
/// none for a disk that boots by itself.
async fn boot_images(
    db: &mut Connection,
    request: &RunRequest,
    image: &Image,
    owner: &User,
) -> Result<(Option<Image>, Option<Image>)> {
    if image.boot.by_itself() {
        return match request.kernel.or(request.ramdisk) {
            Some(named) => Err(Error::BootsByItself { named }),
            None => Ok((None, None)),
        };
    }
    let defaults = settings::read(db).await?;
    let kernel = request.kernel.or(image.kernel).or(defaults.default_kernel);
    let ramdisk = request.ramdisk.or(image.ramdisk).or(defaults.default_ramdisk);
    let kernel = kernel.ok_or(Error::KernelMissing)?;
    let kernel = launchable_as(db, ImageKind::Kernel, kernel, owner).await?;
    let ramdisk = match ramdisk {
        Some(id) => Some(launchable_as(db, ImageKind::Ramdisk, id, owner).await?),
        None => None,
    };
    Ok((Some(kernel), ramdisk))
}

async fn vm_type(db: &mut Connection, name: &str) -> Result<VmType> {
    let types = settings::vm_types(db).await?;
    types
        .into_iter()
        .find(|vm_type| vm_type.name == name)
        .ok_or_else(|| Error::VmTypeNotFound(name.chars().take(64).collect()))
}

async fn key(db: &mut Connection, request: &RunRequest) -> Result<Option<(KeyName, String)>> {
    let Some(name) = &request.key else { return Ok(None) };
    let public_key = launch::public_key(db, request.account, name).await?;
    Ok(Some((name.clone(), public_key)))
}

async fn insert_reservation(
    db: &mut Connection,
    request: &RunRequest,
    plan: &Plan,
    now: Timestamp,
) -> Result<ReservationId> {
    let id = loop {
        let id = ReservationId::random()?;
        let inserted = sqlx::query(
            "INSERT INTO reservations (id, account, cluster, client_token, request_digest,
                 user_data, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
        )
        .bind(id.to_string())
        .bind(request.account.to_string())
        .bind(plan.cluster.name.as_str())
        .bind(&request.client_token)
        .bind(&request.request_digest)
        .bind(BASE64.encode(&request.user_data))
        .bind(now.millis())
        .execute(&mut *db)
        .await?;
        if inserted.rows_affected() == 1 {
            break id;
        }
    };
    for (position, (group, name)) in (0i64..).zip(&plan.groups) {
        sqlx::query(
            "INSERT INTO reservation_groups (reservation, position, group_id, group_name)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(id.to_string())
        .bind(position)
        .bind(group.to_string())
        .bind(name.as_str())
        .execute(&mut *db)
        .await?;
    }
    Ok(id)
}

/// Where an instance belongs.
struct Place {
    reservation: ReservationId,
    /// The cluster's generation at admission.
    admitted: Generation,
    /// Its place in the reservation, and in its network.
    launched: (i64, Seat),
    /// The call that launches it.
    by: Option<RequestId>,
    now: Timestamp,
}

/// Inserts an instance under a random id; false when an instance has that id.
async fn insert_instance(
    db: &mut Connection,
    request: &RunRequest,
    plan: &Plan,
    place: &Place,
) -> Result<bool> {
    let (launch_index, seat) = place.launched;
    let (tag, ip, mac) = match seat {
        Seat::Group { tag, ip } => (tag.get(), ip.to_string(), None),
        Seat::Pair(AddressPair { mac, ip }) => (0, ip.to_string(), Some(mac.to_string())),
        Seat::Open => (0, String::new(), None),
    };
    let inserted = sqlx::query(
        "INSERT INTO instances (id, reservation, launch_index, admitted, account, cluster,
             image, kernel, ramdisk, vm_type, cores, memory_mb, disk_gb, key_name, public_key,
             tag, ip, goal, state, reboots, reboots_done, impaired, launch_ms, protected,
             monitoring, metadata_pending, metadata_enabled, metadata_tokens, metadata_hops,
             request, public, mac)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
             'run', 'pending', 0, 0, 0, $18, $19, $20, 1, $21, $22, $23, $24, $25, $26)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(InstanceId::random()?.to_string())
    .bind(place.reservation.to_string())
    .bind(launch_index)
    .bind(column(place.admitted))
    .bind(plan.owner.account.to_string())
    .bind(plan.cluster.name.as_str())
    .bind(plan.image.id.to_string())
    .bind(plan.kernel.as_ref().map(|kernel| kernel.id.to_string()))
    .bind(plan.ramdisk.as_ref().map(|ramdisk| ramdisk.id.to_string()))
    .bind(&plan.vm_type.name)
    .bind(i64::from(plan.vm_type.figures.cores))
    .bind(column(plan.vm_type.figures.memory_mb))
    .bind(column(plan.vm_type.figures.disk_gb))
    .bind(plan.key.as_ref().map(|(name, _)| name.as_str()))
    .bind(plan.key.as_ref().map(|(_, public_key)| public_key))
    .bind(i64::from(tag))
    .bind(ip)
    .bind(place.now.millis())
    .bind(i64::from(request.protected))
    .bind(i64::from(request.monitoring))
    .bind(i64::from(plan.metadata.enabled))
    .bind(i64::from(plan.metadata.tokens_required))
    .bind(i64::from(plan.metadata.hops))
    .bind(place.by.map(|request| request.to_string()))
    .bind(i64::from(plan.is_public(request)))
    .bind(mac)
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
