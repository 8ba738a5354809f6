//! The demo's people and events, with prices and fullness.

use super::hall::Hall;

use crate::ticketing::UserId;

/// The password of all the demo's people. The documentation and the page show it.
pub(super) const PASSWORD: &str = "seatcast-demo";

/// `(id, name, email, role, member)`. Ids are fixed: scripts and the page's user switcher name them.
pub(super) const PEOPLE: &[(i64, &str, &str, &str, bool)] = &[
    (
        1,
        "Marta Lindqvist",
        "marta@seatcast.example",
        "admin",
        false,
    ),
    (
        2,
        "Jonas Weber",
        "jonas@seatcast.example",
        "organizer",
        false,
    ),
    (3, "Aiko Tanaka", "aiko@seatcast.example", "customer", false),
    (
        4,
        "Samuel Okafor",
        "samuel@seatcast.example",
        "customer",
        true,
    ),
    (
        5,
        "Elena Petrova",
        "elena@seatcast.example",
        "customer",
        false,
    ),
    (
        6,
        "Luca Moretti",
        "luca@seatcast.example",
        "customer",
        false,
    ),
    (
        7,
        "Priya Sharma",
        "priya@seatcast.example",
        "customer",
        true,
    ),
    (
        8,
        "Noah Fischer",
        "noah@seatcast.example",
        "customer",
        false,
    ),
    (
        9,
        "Camille Laurent",
        "camille@seatcast.example",
        "customer",
        false,
    ),
];

pub(super) const ORGANIZER: UserId = UserId(2);
pub(super) const CUSTOMERS: std::ops::RangeInclusive<i64> = 3..=9;

/// Guests of the demo have one of each.
pub(super) const FIRST_NAMES: [&str; 16] = [
    "Amara", "Ben", "Chiara", "Dara", "Emil", "Farah", "Greta", "Hugo", "Ines", "Jakub", "Kavya",
    "Lena", "Mateo", "Nadia", "Omar", "Petra",
];
pub(super) const LAST_NAMES: [&str; 16] = [
    "Adler", "Bianchi", "Castro", "Dubois", "Eriksen", "Faber", "Garcia", "Haddad", "Ivanova",
    "Jansen", "Kowalski", "Lindgren", "Mensah", "Novak", "Okoye", "Park",
];

pub(super) struct DemoShow {
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) venue: &'static str,
    pub(super) city: &'static str,
    pub(super) category: &'static str,
    /// From today, in the venue's zone.
    pub(super) in_days: i32,
    pub(super) at_minutes: i32,
    pub(super) timezone: &'static str,
    pub(super) currency: &'static str,
    pub(super) capacity: i32,
    pub(super) types: &'static [Class],
    /// A capacity that several types share below the event's: name, capacity, members by name.
    pub(super) allotment: Option<(&'static str, i32, &'static [&'static str])>,
    /// `(type, message)`.
    pub(super) notices: &'static [(&'static str, &'static str)],
    pub(super) hall: Option<Hall>,
    pub(super) prices: Option<Prices>,
}

/// Fees, taxes and discounts of later bookings; not of those that the demo begins with.
pub(super) struct Prices {
    /// Name and amount for each ticket, paid by the buyer.
    pub(super) fee: (&'static str, i64),
    /// Name and hundredths of a percent; the prices contain it.
    pub(super) tax: (&'static str, i32),
    /// Code and hundredths of a percent off. The README names it.
    pub(super) voucher: (&'static str, i64),
}

/// A ticket type, and how many units of it are sold and held when the demo starts.
pub(super) struct Class {
    pub(super) name: &'static str,
    pub(super) price: i64,
    pub(super) capacity: i32,
    pub(super) sold: i32,
    pub(super) held: i32,
    /// Beginning of the sale, in days from now.
    pub(super) sale_from_days: Option<i32>,
    pub(super) sale_to_days: Option<i32>,
    pub(super) members_only: bool,
}

const fn class(name: &'static str, price: i64, capacity: i32, sold: i32, held: i32) -> Class {
    Class {
        name,
        price,
        capacity,
        sold,
        held,
        sale_from_days: None,
        sale_to_days: None,
        members_only: false,
    }
}

pub(super) const SHOWS: &[DemoShow] = &[
    DemoShow {
        title: "Night Train: the Depot sessions",
        description: "Four hands, two synthesizers and a string quartet, once, in the old engine shed.",
        venue: "Depot 4, Hamburg",
        city: "Hamburg",
        category: "concert",
        in_days: 12,
        at_minutes: 20 * 60 + 30,
        timezone: "Europe/Berlin",
        currency: "EUR",
        capacity: 300,
        types: &[
            class("Standing", 3_200, 260, 248, 3),
            class("Balcony", 4_400, 40, 36, 2),
        ],
        allotment: None,
        notices: &[(
            "capacity_change",
            "The balcony was opened: forty more places than last year.",
        )],
        hall: None,
        prices: None,
    },
    DemoShow {
        title: "Harbour Jazz Weekend",
        description: "Two days, five stages, one pier. Children listen for free.",
        venue: "Pier 9, Rotterdam",
        city: "Rotterdam",
        category: "festival",
        in_days: 33,
        at_minutes: 15 * 60,
        timezone: "Europe/Amsterdam",
        currency: "EUR",
        capacity: 3_000,
        types: &[
            class("Saturday", 5_900, 1_200, 804, 9),
            class("Sunday", 5_900, 1_200, 611, 6),
            class("Weekend pass", 9_900, 900, 397, 5),
            class("Child under 12", 0, 300, 58, 0),
            class("VIP day", 14_500, 300, 171, 2),
            class("VIP weekend", 24_900, 200, 142, 4),
            Class {
                members_only: true,
                ..class("Friends of the pier", 4_500, 150, 88, 0)
            },
        ],
        // 500 VIP tickets are printed, 400 people fit into the lounge.
        allotment: Some(("VIP lounge", 400, &["VIP day", "VIP weekend"])),
        notices: &[
            (
                "info_update",
                "Gates open at 14:00 on both days; the last ferry leaves at 00:30.",
            ),
            ("custom", "New on Sunday: the Curaçao Brass Collective."),
        ],
        hall: None,
        prices: None,
    },
    DemoShow {
        title: "The Big Field",
        description: "A hundred thousand people, one airfield, three stages and no headliner before dark.",
        venue: "Lindley Airfield, Leeds",
        city: "Leeds",
        category: "festival",
        in_days: 61,
        at_minutes: 17 * 60,
        timezone: "Europe/London",
        currency: "GBP",
        capacity: 100_000,
        types: &[
            Class {
                sale_to_days: Some(-4),
                ..class("Early bird", 4_900, 2_500, 2_500, 0)
            },
            class("General admission", 7_900, 90_000, 1_460, 24),
            class("Access and companion", 7_900, 1_500, 63, 0),
            Class {
                sale_from_days: Some(40),
                ..class("Last call", 9_900, 6_000, 0, 0)
            },
        ],
        allotment: None,
        notices: &[(
            "info_update",
            "Shuttle trains from Leeds run every eight minutes from noon.",
        )],
        hall: None,
        prices: None,
    },
    DemoShow {
        title: "The Winter's Tale",
        description: "Shakespeare's strangest play, with a live choir and one bear.",
        venue: "Stadttheater, Wien",
        city: "Wien",
        category: "theatre",
        in_days: 24,
        at_minutes: 19 * 60 + 30,
        timezone: "Europe/Vienna",
        currency: "EUR",
        capacity: 2_000,
        // Capacity and fullness of a seated event come from the hall.
        types: &[
            class("Premium", 9_500, 0, 110, 4),
            class("Stalls", 7_200, 0, 221, 7),
            class("Circle", 5_400, 0, 268, 6),
            class("Balcony", 3_200, 0, 143, 5),
        ],
        allotment: None,
        notices: &[(
            "custom",
            "Captioned throughout; audio description on request at the cloakroom.",
        )],
        hall: Some(Hall::Theatre),
        prices: None,
    },
    DemoShow {
        title: "The Mirror Cabinet",
        description: "A new opera in one act and a hundred mirrors. The sale has only just begun.",
        venue: "Roudaki Hall, Tehran",
        city: "Tehran",
        category: "opera",
        in_days: 47,
        at_minutes: 20 * 60,
        timezone: "Asia/Tehran",
        currency: "EUR",
        capacity: 2_010,
        types: &[
            class("Premium", 8_000, 0, 2, 0),
            class("Stalls", 6_000, 0, 0, 2),
            class("Circle", 4_500, 0, 0, 0),
            class("Balcony", 2_500, 0, 0, 0),
        ],
        allotment: None,
        notices: &[],
        hall: Some(Hall::Opera),
        prices: Some(Prices {
            fee: ("Service fee", 150),
            tax: ("VAT", 900),
            voucher: ("MIRROR10", 1_000),
        }),
    },
    DemoShow {
        title: "Thirty Chairs",
        description: "A reading for thirty people: three rows, and in each of them all three prices.",
        venue: "Studio 3, Bangkok",
        city: "Bangkok",
        category: "theatre",
        in_days: 9,
        at_minutes: 18 * 60,
        timezone: "Asia/Bangkok",
        currency: "THB",
        capacity: 30,
        types: &[
            class("Normal", 40_000, 0, 3, 1),
            class("VIP", 90_000, 0, 2, 1),
            class("Student", 20_000, 0, 1, 0),
        ],
        allotment: None,
        notices: &[],
        hall: Some(Hall::Studio),
        prices: None,
    },
];
