//! A new forest: its DCs, its configuration, and a domain with people in it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::index::Index;
use super::object::Place;
use super::oracle::Oracle;
use super::rng::Rng;
use super::schema::{Attribute, Class};
use super::write::{Changes, filetime, text};
use super::{CONTEXTS, Dc, Forest, ForestError};
use crate::model::InvocationId;

/// What one DC is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DcShape {
    /// Takes no writes and replicates to nobody.
    pub is_read_only: bool,
    /// Is a global catalog.
    pub is_global_catalog: bool,
    /// Its site; empty for the first one.
    pub site: String,
}

/// What the forest is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The domain's DNS name.
    pub domain: String,
    /// The DCs, `DC1` first; the first one must be writable.
    pub dcs: Vec<DcShape>,
    /// How many users there are at first.
    pub users: usize,
    /// How many groups there are at first.
    pub groups: usize,
    /// tombstoneLifetime in days; `None` leaves the attribute out.
    pub tombstone_days: Option<u32>,
}

impl Shape {
    /// So many full DCs in one site, each a global catalog, over a domain `sim.test` with some people.
    pub fn of(dcs: usize) -> Self {
        let dc = DcShape {
            is_global_catalog: true,
            ..DcShape::default()
        };
        Self {
            domain: "sim.test".to_owned(),
            dcs: vec![dc; dcs],
            users: 60,
            groups: 6,
            tombstone_days: Some(180),
        }
    }
}

const FIRST_SITE: &str = "Default-First-Site-Name";

impl Forest {
    /// A forest of this shape, in which everything has replicated to every DC at `now` (ms).
    pub fn new(seed: u64, shape: &Shape, now: i64) -> Result<Self, ForestError> {
        let mut rng = Rng::new(seed);
        let dcs = shape
            .dcs
            .iter()
            .enumerate()
            .map(|(at, dc)| new_dc(&mut rng, at, dc))
            .collect();
        let mut forest = Self {
            dcs,
            domain: shape.domain.clone(),
            heads: Vec::new(),
            deleted_objects: Vec::new(),
            lost_and_found: Uuid::nil(),
            domain_sid: domain_sid(seed),
            oracle: Oracle::default(),
            packet: 20,
            rng,
            cuts: BTreeSet::new(),
            cycles: Vec::new(),
            lay_in: BTreeSet::new(),
            next_rid: 1_100,
        };
        forest.found_contexts(now)?;
        forest.configure(shape, now)?;
        forest.populate(shape, now)?;
        forest.settle(now)?;
        Ok(forest)
    }

    fn found_contexts(&mut self, now: i64) -> Result<(), ForestError> {
        let domain = self.domain.split('.').next().unwrap_or_default().to_owned();
        for (class, rdn) in [
            (Class::DomainDns, domain),
            (Class::Configuration, "Configuration".to_owned()),
        ] {
            let place = Place { rdn, parent: None };
            let head = self.create(0, now, class, place, Changes::new())?;
            self.heads.push(head);
            let deleted = [(Attribute::IsDeleted, text("TRUE"))].into();
            let container = self.add(now, Class::Container, "Deleted Objects", head, deleted)?;
            self.deleted_objects.push(container);
            if class == Class::DomainDns {
                let name = "LostAndFound";
                self.lost_and_found =
                    self.add(now, Class::LostAndFound, name, head, Changes::new())?;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        now: i64,
        class: Class,
        rdn: &str,
        parent: Uuid,
        attributes: Changes,
    ) -> Result<Uuid, ForestError> {
        let place = Place {
            rdn: rdn.to_owned(),
            parent: Some(parent),
        };
        self.create(0, now, class, place, attributes)
    }

    fn configure(&mut self, shape: &Shape, now: i64) -> Result<(), ForestError> {
        let Some(head) = self.heads.last().copied() else {
            return Ok(());
        };
        let none = Changes::new;
        let sites = self.add(now, Class::Container, "Sites", head, none())?;
        let mut servers: BTreeMap<String, Uuid> = BTreeMap::new();
        for at in 0..self.dcs.len() {
            let (name, site) = (self.dc(at)?.name.clone(), self.dc(at)?.site.clone());
            let folder = if let Some(folder) = servers.get(&site) {
                *folder
            } else {
                let object = self.add(now, Class::Site, &site, sites, none())?;
                let folder = self.add(now, Class::Container, "Servers", object, none())?;
                servers.insert(site, folder);
                folder
            };
            let host = text(self.host(at)?);
            let server = self.add(
                now,
                Class::Server,
                &name,
                folder,
                [(Attribute::DnsHostName, host)].into(),
            )?;
            self.add_settings(at, 0, server, now)?;
        }
        let services = self.add(now, Class::Container, "Services", head, none())?;
        let windows = self.add(now, Class::Container, "Windows NT", services, none())?;
        let lifetime = shape.tombstone_days.map_or_else(none, |days| {
            [(Attribute::TombstoneLifetime, text(days.to_string()))].into()
        });
        self.add(
            now,
            Class::DirectoryService,
            "Directory Service",
            windows,
            lifetime,
        )?;
        Ok(())
    }

    /// Writes the NTDS Settings object of DC `at`, on DC `on`.
    pub(super) fn add_settings(
        &mut self,
        at: usize,
        on: usize,
        server: Uuid,
        now: i64,
    ) -> Result<(), ForestError> {
        let dc = self.dc(at)?;
        let class = if dc.is_read_only {
            Class::NtdsDsaRo
        } else {
            Class::NtdsDsa
        };
        let holds = (0..CONTEXTS).map(|nc| self.context_dn(nc).into_bytes());
        let id = dc.invocation_id.to_octets().to_vec();
        let options = u8::from(dc.is_global_catalog).to_string();
        let attributes = [
            (Attribute::InvocationId, vec![id]),
            (Attribute::Options, text(options)),
            (Attribute::HasMasterNcs, holds.collect()),
        ];
        let place = Place {
            rdn: "NTDS Settings".to_owned(),
            parent: Some(server),
        };
        let settings = self.create(on, now, class, place, attributes.into())?;
        self.dc_mut(at)?.settings = settings;
        Ok(())
    }

    fn populate(&mut self, shape: &Shape, now: i64) -> Result<(), ForestError> {
        let Some(head) = self.heads.first().copied() else {
            return Ok(());
        };
        for name in ["People", "Sales", "Leavers"] {
            self.new_unit(0, now, name, head)?;
        }
        let mut users = Vec::new();
        for number in 1..=shape.users {
            users.push(self.new_user(0, number, now)?);
        }
        for number in 1..=shape.groups {
            let group = self.new_group(0, number, now)?;
            for _ in 0..4 {
                if let Some(user) = self.rng.pick(&users) {
                    self.link(0, now, group, user, true)?;
                }
            }
        }
        Ok(())
    }

    /// Makes a user on a DC; `number` makes its name one of a kind.
    pub fn new_user(&mut self, dc: usize, number: usize, now: i64) -> Result<Uuid, ForestError> {
        let account = format!("user{number}");
        let attributes = [
            (Attribute::SamAccountName, text(account.clone())),
            (Attribute::UserAccountControl, text("512")),
            (Attribute::GivenName, text(format!("Given {number}"))),
            (Attribute::Mail, text(format!("{account}@{}", self.domain))),
            (
                Attribute::UserPrincipalName,
                text(format!("{account}@{}", self.domain)),
            ),
            (Attribute::PwdLastSet, text(filetime(now))),
        ];
        self.new_object(dc, now, Class::User, &account, attributes.into())
    }

    /// Makes a group on a DC; `number` makes its name one of a kind.
    pub fn new_group(&mut self, dc: usize, number: usize, now: i64) -> Result<Uuid, ForestError> {
        let account = format!("group{number}");
        let attributes = [
            (Attribute::SamAccountName, text(account.clone())),
            // A universal security group (ADTS 2.2.12).
            (Attribute::GroupType, text("-2147483640")),
        ];
        self.new_object(dc, now, Class::Group, &account, attributes.into())
    }

    fn new_object(
        &mut self,
        dc: usize,
        now: i64,
        class: Class,
        rdn: &str,
        attributes: Changes,
    ) -> Result<Uuid, ForestError> {
        let units = self.live_units(dc)?;
        let domain = self.heads.first().copied();
        let place = Place {
            rdn: rdn.to_owned(),
            parent: self.rng.pick(&units).or(domain),
        };
        self.create(dc, now, class, place, attributes)
    }
}

/// From the seed by a sequence of its own, so that it moves no other choice.
fn domain_sid(seed: u64) -> [u32; 3] {
    let mut rng = Rng::new(!seed);
    [(); 3].map(|()| u32::try_from(rng.number() >> 32).unwrap_or_default())
}

fn new_dc(rng: &mut Rng, at: usize, shape: &DcShape) -> Dc {
    let site = if shape.site.is_empty() {
        FIRST_SITE
    } else {
        &shape.site
    };
    // Counters that differ, as those of real DCs do.
    let begun = rng.below(30_000).saturating_add(4_000);
    Dc {
        name: format!("DC{}", at.saturating_add(1)),
        site: site.to_owned(),
        settings: Uuid::nil(),
        invocation_id: InvocationId::from_uuid(rng.guid()),
        usn: i64::try_from(begun).unwrap_or(4_000),
        is_read_only: shape.is_read_only,
        is_global_catalog: shape.is_global_catalog,
        is_synchronized: true,
        is_alive: true,
        skew_ms: 0,
        objects: BTreeMap::new(),
        order: Vec::new(),
        index: Index::default(),
        vectors: vec![BTreeMap::new(); CONTEXTS],
        high_water: BTreeMap::new(),
        commits: Vec::new(),
        moves: Vec::new(),
    }
}
