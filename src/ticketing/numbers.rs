//! Sales over time and the way to a ticket, as an organizer reads them.

use std::ops::AddAssign;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TicketTypeId;

/// The length of a step, which begins as hours and days do in the event's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumbersStep {
    Hour,
    Day,
}

impl NumbersStep {
    pub const ALL: [NumbersStep; 2] = [NumbersStep::Hour, NumbersStep::Day];

    pub fn name(self) -> &'static str {
        match self {
            NumbersStep::Hour => "hour",
            NumbersStep::Day => "day",
        }
    }
}

/// Bookings in a time, by outcome. Each is counted when it happened, so a booking that was made in one step may be
/// sold in the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BookingNumbers {
    pub made: i64,
    pub made_tickets: i64,
    /// Confirmed, whatever became of it later.
    pub sold: i64,
    /// Their totals, of those that staff gave away nothing.
    pub sold_amount: i64,
    /// Of those, the ones that were held first.
    pub paid: i64,
    /// From making to confirming, of all of these together.
    pub paid_after_ms: i64,
    /// Holds that ran out.
    pub expired: i64,
    /// Holds that were given up.
    pub cancelled: i64,
    /// Sold ones that were cancelled or refunded.
    pub returned: i64,
    /// Totals of those that ended unpaid, and money that went back of all others, in part too.
    pub returned_amount: i64,
}

impl BookingNumbers {
    /// Sold bookings for each one made; none where none was made.
    pub fn conversion(&self) -> Option<f64> {
        (self.made > 0).then(|| rounded(self.sold as f64 / self.made as f64))
    }

    /// How long a buyer took to pay, on average.
    pub fn seconds_to_pay(&self) -> Option<f64> {
        (self.paid > 0).then(|| rounded(self.paid_after_ms as f64 / 1_000.0 / self.paid as f64))
    }
}

/// Rounded to four places, which is what a page shows of a share.
fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

impl AddAssign for BookingNumbers {
    fn add_assign(&mut self, other: BookingNumbers) {
        self.made += other.made;
        self.made_tickets += other.made_tickets;
        self.sold += other.sold;
        self.sold_amount += other.sold_amount;
        self.paid += other.paid;
        self.paid_after_ms += other.paid_after_ms;
        self.expired += other.expired;
        self.cancelled += other.cancelled;
        self.returned += other.returned;
        self.returned_amount += other.returned_amount;
    }
}

/// Tickets of one type, at the prices of the tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketNumbers {
    pub ticket_type_id: TicketTypeId,
    pub sold: i64,
    pub sold_amount: i64,
    pub returned: i64,
    pub returned_amount: i64,
}

/// One step in which something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumbersPoint {
    pub at: Timestamp,
    pub bookings: BookingNumbers,
    /// By ticket type.
    pub tickets: Vec<TicketNumbers>,
}

/// Sales over time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SalesReport {
    /// People who are there now, on all nodes.
    pub present: i64,
    /// By time; steps in which nothing happened are left out.
    pub points: Vec<NumbersPoint>,
}

impl SalesReport {
    /// The point of that time, which is made if there is none.
    pub fn point(&mut self, at: Timestamp) -> &mut NumbersPoint {
        let place = match self.points.binary_search_by_key(&at, |point| point.at) {
            Ok(place) => place,
            Err(place) => {
                let point = NumbersPoint {
                    at,
                    bookings: BookingNumbers::default(),
                    tickets: Vec::new(),
                };
                self.points.insert(place, point);
                place
            }
        };
        &mut self.points[place]
    }

    pub fn bookings(&self) -> BookingNumbers {
        let mut sum = BookingNumbers::default();
        for point in &self.points {
            sum += point.bookings;
        }
        sum
    }

    /// The sums of all steps, by ticket type.
    pub fn tickets(&self) -> Vec<TicketNumbers> {
        let mut sums: Vec<TicketNumbers> = Vec::new();
        for one in self.points.iter().flat_map(|point| &point.tickets) {
            match sums.binary_search_by_key(&one.ticket_type_id, |sum| sum.ticket_type_id) {
                Err(place) => sums.insert(place, *one),
                Ok(place) => {
                    let sum = &mut sums[place];
                    sum.sold += one.sold;
                    sum.sold_amount += one.sold_amount;
                    sum.returned += one.returned;
                    sum.returned_amount += one.returned_amount;
                }
            }
        }
        sums
    }
}

/// Visitors who reported one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepCount {
    #[schema(example = "ticket_selected")]
    pub step: String,
    pub sessions: i64,
    /// Of those, the ones that reported no later step.
    pub left_here: i64,
}

/// Reports of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionCount {
    #[schema(example = "ticket_selected")]
    pub action: String,
    pub sessions: i64,
    pub count: i64,
}

/// How far visitors came, by the reports of their clients.
#[derive(Debug, Clone, PartialEq)]
pub struct FunnelReport {
    /// Since then everything was read.
    pub from: Timestamp,
    pub is_whole: bool,
    pub interactions: i64,
    pub sessions: i64,
    pub steps: Vec<StepCount>,
    pub actions: Vec<ActionCount>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn tickets(ticket_type: i64, sold: i64) -> TicketNumbers {
        TicketNumbers {
            ticket_type_id: TicketTypeId(ticket_type),
            sold,
            sold_amount: sold * 100,
            returned: 0,
            returned_amount: 0,
        }
    }

    #[test]
    fn points_stand_by_time_and_add_up_by_type() {
        let mut report = SalesReport::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        report.point(at(7_200)).tickets = vec![tickets(2, 1), tickets(3, 1)];
        report.point(at(3_600)).tickets = vec![tickets(3, 4)];
        report.point(at(7_200)).bookings.sold = 1;
        report.point(at(3_600)).bookings.sold = 2;
        let times: Vec<i64> = report.points.iter().map(|p| p.at.as_second()).collect();
        assert_eq!(times, [3_600, 7_200]);
        assert_eq!(report.bookings().sold, 3);
        assert_eq!(report.tickets(), [tickets(2, 1), tickets(3, 5)]);
    }

    #[test]
    fn nothing_made_has_no_conversion() {
        let none = BookingNumbers::default();
        assert_eq!((none.conversion(), none.seconds_to_pay()), (None, None));
        let some = BookingNumbers {
            made: 3,
            sold: 1,
            paid: 1,
            paid_after_ms: 90_500,
            ..none
        };
        assert_eq!(
            (some.conversion(), some.seconds_to_pay()),
            (Some(0.3333), Some(90.5))
        );
    }
}
