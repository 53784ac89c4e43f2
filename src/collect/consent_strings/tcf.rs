//! TC strings of the Transparency and Consent Framework, version 2: the core segment.
//!
//! Source: IAB Tech Lab, "Consent string and vendor list formats v2", section "TC String Format". What else a
//! string may have (vendors that were disclosed, a publisher's own purposes) is left in it.

use super::bits::Bits;
use crate::base::clock::Moment;
use crate::collect::object::Writing;

/// Purposes and special features of the framework as it stands: these are told also where they are not set.
const PURPOSES: u32 = 11;
const FEATURES: u32 = 2;

/// What a TC string says.
#[derive(Clone, Debug, PartialEq)]
pub struct Tcf {
    string: String,
    created: Moment,
    updated: Moment,
    cmp: u64,
    cmp_version: u64,
    screen: u64,
    language: String,
    vendor_list_version: u64,
    policy_version: u64,
    is_service_specific: bool,
    /// Bits, the first purpose highest.
    features: Flags,
    purposes: Flags,
    interests: Flags,
    purpose_one_treatment: bool,
    publisher_country: String,
    vendors: usize,
    vendors_by_interest: usize,
}

/// Numbered answers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Flags {
    bits: u64,
    width: u32,
}

impl Tcf {
    /// Reads a string; nothing where it isn't one of version 2, or can't be read to the end of its vendors.
    pub fn read(string: &str) -> Option<Tcf> {
        let core = string.split('.').next()?;
        let mut bits = Bits::of(core)?;
        if bits.number(6)? != 2 {
            return None;
        }
        let read = Tcf {
            string: string.to_owned(),
            created: moment(bits.number(36)?),
            updated: moment(bits.number(36)?),
            cmp: bits.number(12)?,
            cmp_version: bits.number(12)?,
            screen: bits.number(6)?,
            language: letters(&mut bits)?,
            vendor_list_version: bits.number(12)?,
            policy_version: bits.number(6)?,
            is_service_specific: bits.flag()?,
            features: {
                // Whether texts of its own are used is nobody's answer.
                bits.flag()?;
                Flags::read(&mut bits, 12)?
            },
            purposes: Flags::read(&mut bits, 24)?,
            interests: Flags::read(&mut bits, 24)?,
            purpose_one_treatment: bits.flag()?,
            publisher_country: letters(&mut bits)?,
            vendors: vendors(&mut bits)?,
            vendors_by_interest: vendors(&mut bits)?,
        };
        // The other segments are of the same alphabet, or this is no such string.
        string.split('.').all(|segment| Bits::of(segment).is_some()).then_some(read)
    }

    /// The later of two, with only those answers that both give.
    pub fn both(self, other: Tcf) -> Tcf {
        let (mut later, earlier) =
            if other.updated > self.updated { (other, self) } else { (self, other) };
        for (own, others) in [
            (&mut later.features, earlier.features),
            (&mut later.purposes, earlier.purposes),
            (&mut later.interests, earlier.interests),
        ] {
            own.bits &= others.bits;
        }
        later
    }

    /// The fields that a policy can map.
    pub fn write(&self) -> String {
        let mut out = Writing::new();
        out.text("string", &self.string);
        out.text("created", &self.created.to_string());
        out.text("updated", &self.updated.to_string());
        for (name, number) in [
            ("cmp", self.cmp),
            ("cmpVersion", self.cmp_version),
            ("screen", self.screen),
            ("vendorListVersion", self.vendor_list_version),
            ("policyVersion", self.policy_version),
            ("vendors", self.vendors as u64),
            ("vendorsLegitimateInterest", self.vendors_by_interest as u64),
        ] {
            out.raw(name, &number.to_string());
        }
        out.text("language", &self.language);
        out.text("publisherCountry", &self.publisher_country);
        out.raw("isServiceSpecific", truth(self.is_service_specific));
        out.raw("purposeOneTreatment", truth(self.purpose_one_treatment));
        out.raw("specialFeature", &self.features.write(FEATURES));
        out.raw("purpose", &self.purposes.write(PURPOSES));
        out.raw("legitimateInterest", &self.interests.write(PURPOSES));
        out.end()
    }
}

impl Flags {
    fn read(bits: &mut Bits<'_>, width: u32) -> Option<Flags> {
        Some(Flags { bits: bits.number(width)?, width })
    }

    /// Each by its number: the known ones, and whatever else is set.
    fn write(self, known: u32) -> String {
        let mut out = Writing::new();
        for number in 1..=self.width {
            let is_set = self.bits >> (self.width - number) & 1 == 1;
            if number <= known || is_set {
                out.raw(&number.to_string(), truth(is_set));
            }
        }
        out.end()
    }
}

pub fn truth(is_so: bool) -> &'static str {
    if is_so { "true" } else { "false" }
}

/// Tenths of a second since 1970; 36 bits of them end in the year 4147.
fn moment(tenths: u64) -> Moment {
    Moment(i64::try_from(tenths * 100).unwrap_or(i64::MAX))
}

/// Two capitals, six bits each.
fn letters(bits: &mut Bits<'_>) -> Option<String> {
    let mut letter = || {
        let number = u8::try_from(bits.number(6)?).ok().filter(|number| *number < 26)?;
        Some(char::from(b'A' + number))
    };
    Some([letter()?, letter()?].iter().collect())
}

/// How many vendors a list of them names, as bits or as ranges.
fn vendors(bits: &mut Bits<'_>) -> Option<usize> {
    let most = bits.number(16)?;
    if !bits.flag()? {
        return (0..most).try_fold(0, |count, _| Some(count + usize::from(bits.flag()?)));
    }
    // Ranges may meet each other: each vendor counts once.
    let mut named = vec![false; 1 << 16];
    for _ in 0..bits.number(12)? {
        let is_range = bits.flag()?;
        let first = usize::try_from(bits.number(16)?).ok()?;
        let last = if is_range { usize::try_from(bits.number(16)?).ok()? } else { first };
        if first == 0 || last < first {
            return None;
        }
        named[first..=last].fill(true);
    }
    Some(named.into_iter().filter(|is_named| *is_named).count())
}
