//! Elastic addresses: whose addresses of the pool are, and where they lead.

use crate::clusters::bump;
use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::{Fields, corrupt};
use crate::unused::unused;
use crate::{modes, pools, settings, tags, users};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use types::{
    AccountId, AllocationId, AssociationId, ClusterName, InstanceId, ReservationId, Tags, Timestamp,
};

/// An address of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: Ipv4Addr,
    /// The cluster whose instances it can lead to.
    pub cluster: ClusterName,
    /// Whose it is; none while it is free, and none of one that an instance has by itself.
    pub owner: Option<Owner>,
    /// Where it leads.
    pub association: Option<Association>,
}

/// Whose an address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The account.
    pub account: AccountId,
    /// The account's user.
    pub user: types::UserName,
    /// Names the address for as long as it is theirs.
    pub allocation: AllocationId,
}

/// The instance that an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// Names the pair; none where the instance has the address by itself.
    pub id: Option<AssociationId>,
    /// The instance.
    pub instance: InstanceId,
    /// Its private address.
    pub private_ip: Ipv4Addr,
}

/// How a request names an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressRef {
    /// By itself.
    Ip(Ipv4Addr),
    /// By its allocation.
    Allocation(AllocationId),
    /// By its association.
    Association(AssociationId),
}

impl std::fmt::Display for AddressRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Allocation(id) => id.fmt(f),
            Self::Association(id) => id.fmt(f),
        }
    }
}

const ALLOCATED: &str = "SELECT ip FROM addresses WHERE allocation = $1";
const ASSOCIATED: &str = "SELECT ip FROM addresses WHERE association = $1";

/// The statement that reads addresses with their owner and instance, conditioned.
macro_rules! select_addresses {
    ($condition:literal) => {
        concat!(
            "SELECT addresses.*, users.name AS user_name, instances.ip AS private_ip
             FROM addresses LEFT JOIN users ON users.account = addresses.account
             LEFT JOIN instances ON instances.id = addresses.instance ",
            $condition
        )
    };
}

impl State {
    /// The addresses of an account, or with none all of them, free ones too. By number.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn addresses(&self, account: Option<AccountId>) -> Result<Vec<Address>> {
        let all = select_addresses!("WHERE addresses.account = $1 OR $1 IS NULL");
        let account = account.map(|account| account.to_string());
        list(&mut *self.snapshot().await?, all, account).await
    }

    /// The addresses that lead to instances of an account, its own or not; with none, to any
    /// instance. By number.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn leading_addresses(&self, account: Option<AccountId>) -> Result<Vec<Address>> {
        let leading = select_addresses!(
            "WHERE addresses.instance IS NOT NULL AND (instances.account = $1 OR $1 IS NULL)"
        );
        let account = account.map(|account| account.to_string());
        list(&mut *self.snapshot().await?, leading, account).await
    }

    /// How many private addresses the account's instances have in each cluster.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn count_addresses_in_use(
        &self,
        account: AccountId,
    ) -> Result<BTreeMap<ClusterName, u64>> {
        let rows = sqlx::query(
            "SELECT cluster, COUNT(*) AS number FROM instances
             WHERE account = $1 AND state <> 'terminated' GROUP BY cluster",
        )
        .bind(account.to_string())
        .fetch_all(&mut *self.snapshot().await?)
        .await?;
        rows.iter().map(|row| Ok((row.parsed("cluster")?, row.number("number")?))).collect()
    }

    /// Gives an account a free address: this one, or the lowest.
    ///
    /// # Errors
    /// [`Error::AddressLimit`], [`Error::NoAddress`], [`Error::AddressNotFound`] for a wanted
    /// address that is not in the pool or not free, [`Error::TooManyTags`].
    pub async fn allocate_address(
        &self,
        account: AccountId,
        wanted: Option<Ipv4Addr>,
        tags: Tags,
    ) -> Result<Address> {
        self.write(move |db| Box::pin(allocate(db, account, wanted, tags))).await
    }

    /// Gives an address back to the pool. `account` limits it to what that account owns; none is
    /// for administrators.
    ///
    /// # Errors
    /// [`Error::AddressNotFound`]; [`Error::AddressInUse`] when it is named by its allocation and
    /// leads to an instance. Named by itself, as before there were allocations, it is taken away.
    pub async fn release_address(
        &self,
        account: Option<AccountId>,
        address: AddressRef,
    ) -> Result<()> {
        self.write(move |db| Box::pin(release(db, account, address))).await
    }

    /// Lets an address lead to an instance of its owner, in the place of another address that the
    /// instance may have. `moving` says that it may be taken from another instance.
    ///
    /// # Errors
    /// [`Error::AddressNotFound`], [`Error::InstanceNotFound`], [`Error::InstanceNotRunning`] for
    /// one that is going away, [`Error::AddressInUse`], [`Error::AddressElsewhere`].
    pub async fn associate_address(
        &self,
        account: AccountId,
        address: AddressRef,
        instance: InstanceId,
        moving: bool,
        now: Timestamp,
    ) -> Result<AssociationId> {
        self.write(move |db| Box::pin(associate(db, account, address, instance, moving, now))).await
    }

    /// Lets an address lead nowhere. It stays with its user.
    ///
    /// # Errors
    /// [`Error::AddressNotFound`]. One that leads nowhere already is passed over, but not one that
    /// is named by an association.
    pub async fn disassociate_address(
        &self,
        account: Option<AccountId>,
        address: AddressRef,
    ) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                let found = find(db, account, address).await?;
                take_away(db, &found).await
            })
        })
        .await
    }
}

/// The addresses that lead to the instances of a launch, within a transaction.
pub(crate) async fn of_launch(db: &mut Connection, launch: ReservationId) -> Result<Vec<Address>> {
    list(db, select_addresses!("WHERE instances.reservation = $1"), Some(launch.to_string())).await
}

async fn list(
    db: &mut Connection,
    query: &'static str,
    about: Option<String>,
) -> Result<Vec<Address>> {
    let rows = sqlx::query(query).bind(about).fetch_all(db).await?;
    let mut addresses = rows.iter().map(address).collect::<Result<Vec<_>>>()?;
    addresses.sort_by_key(|address| address.ip);
    Ok(addresses)
}

fn address(row: &Row) -> Result<Address> {
    let owner = match row.maybe("account")? {
        None => None,
        Some(account) => Some(Owner {
            account,
            user: row.parsed("user_name")?,
            allocation: row.parsed("allocation")?,
        }),
    };
    let association = match row.maybe("instance")? {
        None => None,
        Some(instance) => Some(Association {
            id: row.maybe("association")?,
            instance,
            private_ip: row.parsed("private_ip")?,
        }),
    };
    let (ip, cluster) = (row.parsed("ip")?, row.parsed("cluster")?);
    Ok(Address { ip, cluster, owner, association })
}

async fn allocate(
    db: &mut Connection,
    account: AccountId,
    wanted: Option<Ipv4Addr>,
    tags: Tags,
) -> Result<Address> {
    modes::check_elastic_somewhere(db).await?;
    check_limit(db, account).await?;
    let free: Option<String> = sqlx::query_scalar(
        "SELECT ip FROM addresses WHERE account IS NULL AND instance IS NULL AND configured = 1
         AND (ip = $1 OR $1 IS NULL) ORDER BY number LIMIT 1",
    )
    .bind(wanted.map(|ip| ip.to_string()))
    .fetch_optional(&mut *db)
    .await?;
    let refusal = wanted.map_or(Error::NoAddress, |ip| Error::AddressNotFound(AddressRef::Ip(ip)));
    let ip: Ipv4Addr = free.ok_or(refusal)?.parse().map_err(|problem| corrupt("ip", problem))?;
    let allocation = unused(db, ALLOCATED, AllocationId::random).await?;
    sqlx::query("UPDATE addresses SET account = $1, allocation = $2 WHERE ip = $3")
        .bind(account.to_string())
        .bind(allocation.to_string())
        .bind(ip.to_string())
        .execute(&mut *db)
        .await?;
    tags::put(db, account, allocation, &tags).await?;
    find(db, Some(account), AddressRef::Ip(ip)).await
}

/// Administrators have no limit (as in 1.4).
async fn check_limit(db: &mut Connection, account: AccountId) -> Result<()> {
    let most = settings::read(db).await?.addresses_per_user;
    let owned: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM addresses WHERE account = $1")
        .bind(account.to_string())
        .fetch_one(&mut *db)
        .await?;
    let admin = users::by_account(db, account).await?.admin;
    if !admin && owned >= i64::from(most) { Err(Error::AddressLimit(most)) } else { Ok(()) }
}

/// The address that a request names, if it is the account's; with none, anybody's.
async fn find(
    db: &mut Connection,
    account: Option<AccountId>,
    named: AddressRef,
) -> Result<Address> {
    let query = match named {
        AddressRef::Ip(_) => select_addresses!(
            "WHERE addresses.ip = $1 AND addresses.account IS NOT NULL
             AND (addresses.account = $2 OR $2 IS NULL)"
        ),
        AddressRef::Allocation(_) => {
            select_addresses!("WHERE allocation = $1 AND (addresses.account = $2 OR $2 IS NULL)")
        }
        AddressRef::Association(_) => {
            select_addresses!("WHERE association = $1 AND (addresses.account = $2 OR $2 IS NULL)")
        }
    };
    let row = sqlx::query(query)
        .bind(named.to_string())
        .bind(account.map(|account| account.to_string()))
        .fetch_optional(&mut *db)
        .await?;
    if let Some(row) = row {
        return address(&row);
    }
    modes::check_elastic_somewhere(db).await?;
    Err(Error::AddressNotFound(named))
}

async fn release(db: &mut Connection, account: Option<AccountId>, named: AddressRef) -> Result<()> {
    let found = find(db, account, named).await?;
    if found.association.is_some() && !matches!(named, AddressRef::Ip(_)) {
        return Err(Error::AddressInUse(found.ip));
    }
    take_away(db, &found).await?;
    sqlx::query("UPDATE addresses SET account = NULL, allocation = NULL WHERE ip = $1")
        .bind(found.ip.to_string())
        .execute(&mut *db)
        .await?;
    if let Some(owner) = found.owner {
        tags::forget(db, owner.allocation).await?;
    }
    pools::settle(db).await?;
    match found.association {
        // where no other address was free, this one is now
        Some(there) => pools::give(db, there.instance).await,
        None => Ok(()),
    }
}

async fn associate(
    db: &mut Connection,
    account: AccountId,
    named: AddressRef,
    instance: InstanceId,
    moving: bool,
    now: Timestamp,
) -> Result<AssociationId> {
    let found = find(db, Some(account), named).await?;
    let (cluster, state) = crate::instances::visible(db, Some(account), instance, now).await?;
    if state >= types::InstanceState::ShuttingDown {
        return Err(Error::InstanceNotRunning { id: instance, state: state.as_str() });
    }
    modes::check_elastic_in(db, &cluster).await?;
    if cluster != found.cluster {
        return Err(Error::AddressElsewhere { ip: found.ip, cluster: found.cluster });
    }
    match found.association {
        Some(Association { id: Some(id), instance: there, .. }) if there == instance => {
            return Ok(id);
        }
        Some(_) if !moving => return Err(Error::AddressInUse(found.ip)),
        _ => {}
    }
    sqlx::query("UPDATE addresses SET instance = NULL, association = NULL WHERE instance = $1")
        .bind(instance.to_string())
        .execute(&mut *db)
        .await?;
    let id = unused(db, ASSOCIATED, AssociationId::random).await?;
    sqlx::query("UPDATE addresses SET instance = $1, association = $2 WHERE ip = $3")
        .bind(instance.to_string())
        .bind(id.to_string())
        .bind(found.ip.to_string())
        .execute(&mut *db)
        .await?;
    if let Some(before) = found.association {
        pools::give(db, before.instance).await?;
    }
    pools::settle(db).await?;
    bump(db, &cluster).await?;
    Ok(id)
}

/// Lets an address of somebody lead nowhere; its instance gets another if it is to have one.
async fn take_away(db: &mut Connection, address: &Address) -> Result<()> {
    let Some(there) = &address.association else { return Ok(()) };
    sqlx::query("UPDATE addresses SET instance = NULL, association = NULL WHERE ip = $1")
        .bind(address.ip.to_string())
        .execute(&mut *db)
        .await?;
    pools::give(db, there.instance).await?;
    pools::settle(db).await?;
    bump(db, &address.cluster).await.map(drop)
}

/// Lets no address lead to instances that are gone.
pub(crate) async fn leave_terminated(db: &mut Connection, cluster: &ClusterName) -> Result<()> {
    sqlx::query(
        "UPDATE addresses SET instance = NULL, association = NULL WHERE cluster = $1
         AND instance IN (SELECT id FROM instances WHERE state = 'terminated')",
    )
    .bind(cluster.as_str())
    .execute(&mut *db)
    .await?;
    pools::settle(db).await
}
