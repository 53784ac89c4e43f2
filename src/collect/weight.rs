//! What the rows of one event add up to, told without keeping them: whether all can be taken.

use std::hash::{BuildHasher, RandomState};

use super::map::Mapper;
use super::reject::{Fault, RejectReason};
use super::row::Row;
use super::values::AMOUNT_MAX;

/// The most rows and bytes of one event.
const ROWS_MAX: u32 = 100_000;
const BYTES_MAX: u32 = 15 << 20;

/// The sum over an event's rows.
#[derive(Clone, Copy, Default)]
pub(super) struct Weight {
    /// The hash of the first row's key; 0 where it has none.
    key: u64,
    /// The amounts without their signs, which no sum of them exceeds.
    amount: u64,
    bytes: u32,
    /// Rows that could be read.
    pub rows: u32,
}

impl Weight {
    /// Adds a row, or says why the event can't have it.
    pub fn add(
        &mut self,
        mapper: &mut Mapper,
        row: &Row,
        hasher: &RandomState,
    ) -> Result<(), Fault> {
        let is_first = self.rows == 0;
        self.rows = self.rows.saturating_add(1);
        match mapper.key(row).map(|key| hasher.hash_one(&*key).max(1)) {
            Ok(key) if is_first => self.key = key,
            Ok(key) if key != self.key => return Err(RejectReason::GroupKeyDiffers.into()),
            _ => {}
        }
        if self.key == 0 {
            // Of nobody: nothing of it is kept, whatever it holds.
            return Ok(());
        }
        let share = mapper.share(row, is_first)?;
        let bytes = u32::try_from(share.bytes).unwrap_or(u32::MAX);
        self.bytes = self.bytes.saturating_add(bytes);
        self.amount = self.amount.saturating_add(share.amount);
        if self.rows > ROWS_MAX || self.bytes > BYTES_MAX {
            return Err(RejectReason::GroupTooLarge.into());
        }
        if self.amount > AMOUNT_MAX {
            return Err(RejectReason::GroupAmountTooLarge.into());
        }
        Ok(())
    }
}
