//! The status of every seat of an event, packed as it goes over the wire.

/// Status of a seat, with its number on the wire: its live claim, or else its blocked flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SeatStatus {
    Available = 0,
    Held = 1,
    Sold = 2,
    Blocked = 3,
}

impl SeatStatus {
    /// The status in the lowest two bits.
    fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0 => SeatStatus::Available,
            1 => SeatStatus::Held,
            2 => SeatStatus::Sold,
            _ => SeatStatus::Blocked,
        }
    }
}

/// The number is none of the four statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a seat status (0 available, 1 held, 2 sold, 3 blocked)")]
pub struct NoSuchStatus(pub i64);

impl TryFrom<i64> for SeatStatus {
    type Error = NoSuchStatus;

    fn try_from(number: i64) -> Result<Self, NoSuchStatus> {
        match number {
            0 => Ok(SeatStatus::Available),
            1 => Ok(SeatStatus::Held),
            2 => Ok(SeatStatus::Sold),
            3 => Ok(SeatStatus::Blocked),
            other => Err(NoSuchStatus(other)),
        }
    }
}

/// Two bits a seat, in layout order, four seats a byte, the first seat in the lowest bits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeatMap {
    seats: u32,
    bits: Vec<u8>,
}

/// How many seats have each status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeatCounts {
    pub available: u32,
    pub held: u32,
    pub sold: u32,
    pub blocked: u32,
}

impl SeatMap {
    /// A map of `seats` available seats.
    pub fn new(seats: u32) -> Self {
        let bits = vec![0; seats.div_ceil(4) as usize];
        SeatMap { seats, bits }
    }

    /// The first `kept` seats of these, and available ones up to so many.
    pub fn resized(&self, kept: u32, seats: u32) -> Self {
        let mut resized = SeatMap::new(seats);
        for (position, status) in self.iter().take(kept as usize) {
            resized.set(position, status);
        }
        resized
    }

    pub fn len(&self) -> u32 {
        self.seats
    }

    pub fn is_empty(&self) -> bool {
        self.seats == 0
    }

    /// `None` past the last seat.
    pub fn get(&self, position: u32) -> Option<SeatStatus> {
        let (byte, shift) = place(position);
        (position < self.seats).then(|| SeatStatus::from_bits(self.bits[byte] >> shift))
    }

    /// Ignores positions past the last seat: more seats come only with a new layout.
    pub fn set(&mut self, position: u32, status: SeatStatus) {
        if position < self.seats {
            let (byte, shift) = place(position);
            self.bits[byte] = self.bits[byte] & !(0b11 << shift) | (status as u8) << shift;
        }
    }

    /// The packed statuses; bits past the last seat are 0.
    pub fn bytes(&self) -> &[u8] {
        &self.bits
    }

    pub fn counts(&self) -> SeatCounts {
        let mut counts = SeatCounts::default();
        for (_, status) in self.iter() {
            let count = match status {
                SeatStatus::Available => &mut counts.available,
                SeatStatus::Held => &mut counts.held,
                SeatStatus::Sold => &mut counts.sold,
                SeatStatus::Blocked => &mut counts.blocked,
            };
            *count += 1;
        }
        counts
    }

    /// Every seat in layout order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, SeatStatus)> {
        (0..self.seats).map(|position| {
            let (byte, shift) = place(position);
            (position, SeatStatus::from_bits(self.bits[byte] >> shift))
        })
    }

    /// The seats that are not available.
    pub fn taken(&self) -> impl Iterator<Item = (u32, SeatStatus)> {
        self.iter()
            .filter(|&(_, status)| status != SeatStatus::Available)
    }
}

/// Byte and shift of a seat.
fn place(position: u32) -> (usize, u32) {
    ((position / 4) as usize, position % 4 * 2)
}
