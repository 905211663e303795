//! Clusters come, change and go.

use crate::clusters::{self, ClusterConfig, Registration, Standing};
use crate::database::{Connection, State};
use crate::error::{Error, Result};
use crate::fields::{Fields, json};
use crate::{addresses, modes, networks, pools};
use protocol::{ClusterObserved, ClusterSettings, Networks};
use types::{ClusterName, FEWEST_PER_NET, InstanceId, Timestamp};

/// So many clusters can be part of a cloud.
pub const MOST_CLUSTERS: i64 = 64;
/// So many instances are named to those who want to deregister their cluster.
const NAMED: usize = 10;

const NOT_LIVE: &str = "NOT EXISTS (SELECT 1 FROM instances
    WHERE instances.cluster = clusters.name AND instances.state <> 'terminated')";

impl State {
    /// Takes over what the configuration of the cloud controller's machine says of its cluster.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn configure_cluster(&self, config: ClusterConfig) -> Result<()> {
        self.write(move |db| Box::pin(configure(db, config))).await
    }

    /// Takes no launches any more in clusters that the configuration of the cloud controller's
    /// machine had, other than these: their nodes are forgotten, and they too where they have no
    /// instance. Instances that they have are flagged impaired. What the administrator registered
    /// stays.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn retire_other_clusters(&self, keep: Vec<ClusterName>) -> Result<()> {
        self.write(move |db| Box::pin(retire_others(db, keep))).await
    }

    /// Registers a cluster, or takes over that its controller is somewhere else now.
    ///
    /// # Errors
    /// [`Error::ClusterIsHere`], [`Error::EndpointTaken`], [`Error::LimitReached`].
    pub async fn register_cluster(&self, cluster: Registration) -> Result<()> {
        self.write(move |db| Box::pin(register(db, cluster))).await
    }

    /// Removes a cluster that has no instances any more. `lost` is the administrator's word that
    /// it will never come back: instances that it has are recorded as terminated.
    ///
    /// # Errors
    /// [`Error::ClusterNotFound`], [`Error::ClusterIsHere`], [`Error::ClusterInUse`],
    /// [`Error::ClusterAnswers`].
    pub async fn deregister_cluster(
        &self,
        name: ClusterName,
        lost: bool,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |db| Box::pin(deregister(db, name, lost, now))).await
    }
}

async fn configure(db: &mut Connection, mut config: ClusterConfig) -> Result<()> {
    (config.public_addresses, _) = pools::grant(db, &config.name, &config.public_addresses).await?;
    sqlx::query(
        "INSERT INTO clusters (name, endpoint, subnet, addrs_per_net, policy, generation,
             reachable, problems, standing)
         VALUES ($1, $2, '', 0, '', 1, 0, '[]', 'here')
         ON CONFLICT (name) DO UPDATE SET endpoint = excluded.endpoint, standing = 'here'",
    )
    .bind(config.name.as_str())
    .bind(&config.endpoint)
    .execute(&mut *db)
    .await?;
    let known = clusters::without_nodes(db).await?.into_iter();
    let known = known.filter(|it| it.config.name == config.name).find_map(|it| it.settings);
    // its controller refuses to start in another mode while it has instances
    let config = match known {
        Some(known) if known.networks.mode() != config.networks.mode() => {
            let is_empty = live(db, &config.name).await?.is_empty();
            if is_empty { config } else { modes::kept(&known, config).0 }
        }
        _ => config,
    };
    clusters::store_settings(db, &config).await
}

async fn retire_others(db: &mut Connection, keep: Vec<ClusterName>) -> Result<()> {
    for cluster in clusters::without_nodes(db).await? {
        if cluster.standing == Standing::Here && !keep.contains(&cluster.config.name) {
            leave(db, &cluster.config.name).await?;
        }
    }
    Ok(())
}

/// Lets a cluster go: with instances it is shown as one that left, without it is gone.
async fn leave(db: &mut Connection, name: &ClusterName) -> Result<()> {
    const STATEMENTS: [&str; 4] = [
        "DELETE FROM nodes WHERE cluster = $1",
        "UPDATE clusters SET standing = 'left', reachable = 0, public_addresses = '',
             problems = '[\"it is not in the configuration any more\"]' WHERE name = $1",
        "UPDATE instances SET impaired = 1 WHERE cluster = $1 AND state <> 'terminated'",
        "UPDATE addresses SET configured = 0 WHERE cluster = $1",
    ];
    for statement in STATEMENTS {
        sqlx::query(statement).bind(name.as_str()).execute(&mut *db).await?;
    }
    pools::settle(db).await?;
    forget_empty(db).await
}

/// Lets clusters go that left and have no instance any more. The record stays: the controller
/// keeps the newest desired state that it was given, and would refuse one that is older when it is
/// registered again.
pub(crate) async fn forget_empty(db: &mut Connection) -> Result<()> {
    let gone =
        format!("UPDATE clusters SET standing = 'gone' WHERE standing = 'left' AND {NOT_LIVE}");
    sqlx::query(sqlx::AssertSqlSafe(gone)).execute(db).await?;
    Ok(())
}

/// Whether [`forget_empty`] has anything to do.
pub(crate) async fn is_any_empty(db: &mut Connection) -> Result<bool> {
    let any = format!("SELECT name FROM clusters WHERE standing = 'left' AND {NOT_LIVE} LIMIT 1");
    let found = sqlx::query(sqlx::AssertSqlSafe(any)).fetch_optional(db).await?;
    Ok(found.is_some())
}

async fn register(db: &mut Connection, new: Registration) -> Result<()> {
    let known = clusters::without_nodes(db).await?;
    let here = |it: &clusters::Cluster| it.standing == Standing::Here && it.config.name == new.name;
    if known.iter().any(here) {
        return Err(Error::ClusterIsHere(new.name));
    }
    let taken = |other: &&clusters::Cluster| {
        other.is_followed()
            && other.config.endpoint == new.endpoint
            && other.config.name != new.name
    };
    if let Some(other) = known.iter().find(taken) {
        let (endpoint, cluster) = (new.endpoint, other.config.name.clone());
        return Err(Error::EndpointTaken { endpoint, cluster });
    }
    match known.iter().find(|known| known.config.name == new.name) {
        Some(known) if known.standing == Standing::Registered && known.config == new => {
            return Ok(());
        }
        None if known.len() as i64 >= MOST_CLUSTERS => {
            return Err(Error::LimitReached { what: "clusters", most: MOST_CLUSTERS });
        }
        _ => {}
    }
    // of one that is gone nothing is known but its records
    sqlx::query(
        "UPDATE clusters SET subnet = '', addrs_per_net = 0, policy = '', last_seen_ms = NULL
         WHERE name = $1 AND standing = 'gone'",
    )
    .bind(new.name.as_str())
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "INSERT INTO clusters (name, endpoint, subnet, addrs_per_net, policy, generation,
             reachable, problems, standing)
         VALUES ($1, $2, '', 0, '', 1, 0, '[]', 'registered')
         ON CONFLICT (name) DO UPDATE SET endpoint = excluded.endpoint, standing = 'registered',
             reachable = 0, problems = '[]', changed_ms = NULL",
    )
    .bind(new.name.as_str())
    .bind(&new.endpoint)
    .execute(db)
    .await?;
    Ok(())
}

async fn deregister(
    db: &mut Connection,
    name: ClusterName,
    lost: bool,
    now: Timestamp,
) -> Result<()> {
    let mut known = clusters::without_nodes(db).await?.into_iter();
    let Some(cluster) = known.find(|known| known.config.name == name) else {
        return Err(Error::ClusterNotFound(name));
    };
    if cluster.standing == Standing::Here {
        return Err(Error::ClusterIsHere(name));
    }
    let live = live(db, &name).await?;
    if !live.is_empty() {
        if !lost {
            let instances = live.iter().take(NAMED).map(ToString::to_string).collect();
            return Err(Error::ClusterInUse { cluster: name, count: live.len(), instances });
        }
        if cluster.reachable {
            return Err(Error::ClusterAnswers(name));
        }
        bury(db, &name, now).await?;
    }
    leave(db, &name).await
}

async fn live(db: &mut Connection, cluster: &ClusterName) -> Result<Vec<InstanceId>> {
    let rows = sqlx::query(
        "SELECT id FROM instances WHERE cluster = $1 AND state <> 'terminated' ORDER BY id",
    )
    .bind(cluster.as_str())
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| row.parsed("id")).collect()
}

/// Records all instances of a lost cluster as terminated.
async fn bury(db: &mut Connection, cluster: &ClusterName, now: Timestamp) -> Result<()> {
    sqlx::query(
        "UPDATE instances SET goal = 'terminate', state = 'terminated', terminated_ms = $1,
             reason = 'the administrator deregistered its cluster as lost'
         WHERE cluster = $2 AND state <> 'terminated'",
    )
    .bind(now.millis())
    .bind(cluster.as_str())
    .execute(&mut *db)
    .await?;
    networks::release_empty(db, cluster).await?;
    addresses::leave_terminated(db, cluster).await?;
    clusters::bump(db, cluster).await.map(drop)
}

/// What a report makes of a cluster's settings: those that launches go by from now on, and the
/// problems to show, with that of settings which are not taken over.
pub(crate) async fn judge(
    db: &mut Connection,
    known: &clusters::Cluster,
    observed: &ClusterObserved,
) -> Result<(Option<ClusterConfig>, Vec<String>)> {
    let mut problems = observed.problems.clone();
    let Some(told) = &observed.settings else { return Ok((known.settings.clone(), problems)) };
    let mut told = match configured(known, told) {
        Ok(told) => told,
        Err(problem) => {
            problems.push(problem);
            return Ok((known.settings.clone(), problems));
        }
    };
    let (granted, shared) = pools::grant(db, &known.config.name, &told.public_addresses).await?;
    told.public_addresses = granted;
    problems.extend(shared);
    let Some(now) = &known.settings else { return Ok((Some(told), problems)) };
    let can_follow = modes::can_follow(&now.networks, &told.networks);
    if can_follow || live(db, &known.config.name).await?.is_empty() {
        return Ok((Some(told), problems));
    }
    let (kept, problem) = modes::kept(now, told);
    problems.push(problem);
    Ok((Some(kept), problems))
}

/// What a controller told, checked. An older one does not tell of public addresses.
fn configured(known: &clusters::Cluster, told: &ClusterSettings) -> Result<ClusterConfig, String> {
    let ClusterSettings { networks, policy, public_addresses } = told;
    let policy = policy.parse().map_err(|e| format!("it reports SCHEDPOLICY {e}"))?;
    let before = known.settings.as_ref().map(|settings| &settings.public_addresses);
    let public_addresses = public_addresses.as_ref().or(before).cloned().unwrap_or_default();
    let Registration { name, endpoint } = known.config.clone();
    let networks = checked(networks)?;
    Ok(ClusterConfig { name, endpoint, networks, policy, public_addresses })
}

fn checked(networks: &Networks) -> Result<Networks, String> {
    Ok(match networks {
        Networks::Managed { subnet, addrs_per_net } => {
            let fits = u64::from(*addrs_per_net) <= 1_u64 << (32 - subnet.prefix_len());
            if !addrs_per_net.is_power_of_two() || *addrs_per_net < FEWEST_PER_NET || !fits {
                return Err(format!(
                    "it reports VNET_ADDRSPERNET {addrs_per_net}, which does not divide {subnet}; \
                     correct its eucalyptus.conf"
                ));
            }
            Networks::Managed { subnet: subnet.trunc(), addrs_per_net: *addrs_per_net }
        }
        Networks::Static { subnet, pairs } => {
            if let Some(pair) = pairs.iter().find(|pair| !subnet.contains(&pair.ip)) {
                return Err(format!(
                    "it reports {} in VNET_MACMAP, which is not in {subnet}; correct its \
                     eucalyptus.conf",
                    pair.ip
                ));
            }
            Networks::Static { subnet: subnet.trunc(), pairs: pairs.clone() }
        }
        Networks::System => Networks::System,
    })
}

/// Stores that a controller answered, with what its report was judged to be.
pub(crate) async fn answered(
    db: &mut Connection,
    name: &ClusterName,
    judged: &(Option<ClusterConfig>, Vec<String>),
    now: Timestamp,
) -> Result<()> {
    let (settings, problems) = judged;
    sqlx::query(
        "UPDATE clusters SET changed_ms = CASE WHEN reachable = 0 THEN $1 ELSE changed_ms END,
             reachable = 1, certificate_ok = 1, last_seen_ms = $1, problems = $2 WHERE name = $3",
    )
    .bind(now.millis())
    .bind(json(problems))
    .bind(name.as_str())
    .execute(&mut *db)
    .await?;
    match settings {
        Some(settings) => clusters::store_settings(db, settings).await,
        None => Ok(()),
    }
}

/// Stores that a controller did not answer.
pub(crate) async fn silent(
    db: &mut Connection,
    name: &ClusterName,
    problems: &[String],
    distrusted: bool,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "UPDATE clusters SET
             changed_ms = CASE WHEN reachable = 1 OR changed_ms IS NULL THEN $1 ELSE changed_ms END,
             certificate_ok = CASE WHEN $2 = 1 THEN 0 ELSE certificate_ok END,
             reachable = 0, problems = $3
         WHERE name = $4 AND standing IN ('here', 'registered')",
    )
    .bind(now.millis())
    .bind(i64::from(distrusted))
    .bind(json(problems))
    .bind(name.as_str())
    .execute(db)
    .await?;
    Ok(())
}
