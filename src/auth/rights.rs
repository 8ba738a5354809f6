//! Rights of the people of an organization, and the roles that give them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ticketing::OrganizationId;

/// Something that the people of an organization do with its events.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See drafts, and what everybody of the organization sees.
    See,
    /// Make and change events, prices, halls; write to viewers.
    Manage,
    /// Sell and give back at the door, and read the bookings.
    Sell,
    /// Let people in.
    CheckIn,
    /// Read figures of sales.
    Figures,
    /// Pay back, and read the books.
    Money,
    /// Choose who is in the organization, make API keys, read the audit trail.
    People,
}

impl Right {
    pub const ALL: [Right; 7] = [
        Right::See,
        Right::Manage,
        Right::Sell,
        Right::CheckIn,
        Right::Figures,
        Right::Money,
        Right::People,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Right::See => "see",
            Right::Manage => "manage",
            Right::Sell => "sell",
            Right::CheckIn => "check_in",
            Right::Figures => "figures",
            Right::Money => "money",
            Right::People => "people",
        }
    }

    pub fn parse(name: &str) -> Option<Right> {
        Right::ALL.into_iter().find(|right| right.name() == name)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u8);

impl Rights {
    pub fn of(rights: &[Right]) -> Rights {
        Rights(rights.iter().fold(0, |all, right| all | right.bit()))
    }

    pub fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }
}

/// The role of a user in an organization.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StaffRole {
    Owner,
    Manager,
    BoxOffice,
    Scanner,
    Finance,
}

impl StaffRole {
    pub const ALL: [StaffRole; 5] = [
        StaffRole::Owner,
        StaffRole::Manager,
        StaffRole::BoxOffice,
        StaffRole::Scanner,
        StaffRole::Finance,
    ];

    pub fn name(self) -> &'static str {
        match self {
            StaffRole::Owner => "owner",
            StaffRole::Manager => "manager",
            StaffRole::BoxOffice => "box_office",
            StaffRole::Scanner => "scanner",
            StaffRole::Finance => "finance",
        }
    }

    pub fn parse(name: &str) -> Option<StaffRole> {
        StaffRole::ALL.into_iter().find(|role| role.name() == name)
    }

    pub fn rights(self) -> Rights {
        use Right::{CheckIn, Figures, Manage, Money, See, Sell};
        match self {
            StaffRole::Owner => Rights::of(&Right::ALL),
            StaffRole::Manager => Rights::of(&[See, Manage, Sell, CheckIn, Figures, Money]),
            StaffRole::BoxOffice => Rights::of(&[See, Sell, CheckIn]),
            StaffRole::Scanner => Rights::of(&[See, CheckIn]),
            StaffRole::Finance => Rights::of(&[See, Figures, Money]),
        }
    }

    pub fn may(self, right: Right) -> bool {
        self.rights().has(right)
    }
}

/// Organizations that one user may be in, beside the own one. They are part of every caller, so there are few.
pub const MEMBERSHIPS_MAX: usize = 8;

/// The organizations of a caller, with the role in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staffs {
    organizations: [OrganizationId; MEMBERSHIPS_MAX],
    roles: [Option<StaffRole>; MEMBERSHIPS_MAX],
}

impl Default for Staffs {
    fn default() -> Staffs {
        Staffs {
            organizations: [OrganizationId(0); MEMBERSHIPS_MAX],
            roles: [None; MEMBERSHIPS_MAX],
        }
    }
}

impl Staffs {
    pub fn is_empty(&self) -> bool {
        self.roles.iter().all(Option::is_none)
    }

    pub fn role_in(&self, organization: OrganizationId) -> Option<StaffRole> {
        let mut all = self.iter();
        all.find_map(|(own, role)| (own == organization).then_some(role))
    }

    pub fn iter(&self) -> impl Iterator<Item = (OrganizationId, StaffRole)> + '_ {
        let all = self.organizations.iter().zip(&self.roles);
        all.filter_map(|(organization, role)| Some((*organization, (*role)?)))
    }
}

/// Past [`MEMBERSHIPS_MAX`] they are ignored; the database has no more.
impl FromIterator<(OrganizationId, StaffRole)> for Staffs {
    fn from_iter<I: IntoIterator<Item = (OrganizationId, StaffRole)>>(all: I) -> Staffs {
        let mut staffs = Staffs::default();
        let places = staffs.organizations.iter_mut().zip(&mut staffs.roles);
        for ((organization, role), given) in places.zip(all) {
            (*organization, *role) = (given.0, Some(given.1));
        }
        staffs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_the_rights_that_their_names_say() {
        let may = |role: StaffRole| {
            let all = Right::ALL.into_iter().filter(move |right| role.may(*right));
            all.map(Right::name).collect::<Vec<_>>().join(" ")
        };
        let all = "see manage sell check_in figures money people";
        assert_eq!(may(StaffRole::Owner), all);
        assert_eq!(
            may(StaffRole::Manager),
            "see manage sell check_in figures money"
        );
        assert_eq!(may(StaffRole::BoxOffice), "see sell check_in");
        assert_eq!(may(StaffRole::Scanner), "see check_in");
        assert_eq!(may(StaffRole::Finance), "see figures money");
        for right in Right::ALL {
            assert_eq!(Right::parse(right.name()), Some(right));
        }
        for role in StaffRole::ALL {
            assert_eq!(StaffRole::parse(role.name()), Some(role));
        }
    }

    #[test]
    fn a_callers_organizations_are_bounded() {
        let many = (1..=100).map(|id| (OrganizationId(id), StaffRole::Scanner));
        let staffs: Staffs = many.collect();
        assert_eq!(staffs.iter().count(), MEMBERSHIPS_MAX);
        assert_eq!(staffs.role_in(OrganizationId(3)), Some(StaffRole::Scanner));
        assert_eq!(staffs.role_in(OrganizationId(0)), None);
        assert!(Staffs::default().is_empty());
    }
}
