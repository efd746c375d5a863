//! What processes have used, with those that they started.

use std::fs;

use crate::flows::Failure;

/// Parts of a second that the kernel counts CPU in, the same on every Linux.
const TICKS: f64 = 100.0;
/// What the kernel counts memory in.
const PAGE: u64 = 4096;

/// What processes have used until now.
#[derive(Default, Clone, Copy, Debug)]
pub struct Used {
    /// Seconds of CPU, user and system.
    pub cpu: f64,
    /// Bytes in memory.
    pub resident: u64,
}

/// Adds up all of `roots` and their descendants.
pub fn used(roots: &[u32]) -> Result<Used, Failure> {
    let mut used = Used::default();
    let mut left = roots.to_vec();
    while let Some(process) = left.pop() {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The second field is a name in brackets and may hold anything.
        let (_, fields) = stat.rsplit_once(") ").ok_or("not a status")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let number = |place: usize| -> Result<u64, Failure> {
            Ok(fields.get(place).ok_or("not a status")?.parse()?)
        };
        #[expect(clippy::cast_precision_loss, reason = "some thousand ticks")]
        let seconds = (number(11)? + number(12)?) as f64 / TICKS;
        used.cpu += seconds;
        used.resident += number(21)? * PAGE;
        for task in fs::read_dir(format!("/proc/{process}/task"))? {
            let started = fs::read_to_string(task?.path().join("children"))?;
            for child in started.split_whitespace() {
                left.push(child.parse()?);
            }
        }
    }
    Ok(used)
}
