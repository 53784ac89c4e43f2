//! The fields that two records are compared on: their names, what a household shares of them, and
//! what their levels of agreement mean.
//!
//! Everything that differs between fields stands in one table here, so that training, scoring and
//! explaining treat all of them alike.

/// A field of a record, or what is derived from several (`Order`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Field {
    /// The first given name.
    Given,
    /// The family name.
    Family,
    /// Whether given and family name stand in each other's place.
    Order,
    /// Further given names or their initials.
    Middle,
    /// The date of birth.
    Birth,
    /// The gender.
    Gender,
    /// The e-mail address.
    Email,
    /// The telephone number.
    Phone,
    /// A device, which a household may share.
    Device,
    /// A loyalty card, which a household may share.
    Loyalty,
    /// A number that only one person has: national id, customer number, account.
    Person,
    /// The house number.
    Number,
    /// The street.
    Street,
    /// A second line of the address.
    Line,
    /// The flat.
    Unit,
    /// The town, or where somebody was born.
    City,
    /// The postcode.
    Postcode,
    /// The state or province.
    Region,
    /// The occupation.
    Occupation,
}

/// How many fields there are.
pub const FIELDS: usize = 19;

/// The level of a field that one of the two records lacks: it speaks neither for nor against.
pub const MISSING: u8 = u8::MAX;

/// The most levels that a field has.
pub const LEVELS_MAX: usize = 7;

/// Whose a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// One person's: members of a household agree on it by chance only.
    Person,
    /// A household's: its members often agree on it.
    Household,
    /// A household's, and part of the address, whose parts say much the same thing.
    Address,
}

/// How texts of a field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Given names: nicknames, initials, spelling.
    Given,
    /// Family names: double names, spelling.
    Family,
    /// Derived from both names.
    Order,
    /// Further names and initials.
    Middle,
    /// Dates, as eight digits where they could be read.
    Date,
    /// Local part and domain.
    Email,
    /// Digits or codes, where one slip is telling.
    Code,
    /// Same or not.
    Class,
    /// Words, with spelling.
    Words,
    /// Postcodes, whose beginning is an area.
    Postcode,
}

/// What is known about a field beforehand.
#[derive(Debug)]
pub struct About {
    /// Its name in models, maps and explanations.
    pub name: &'static str,
    /// Column names that are recognised as it.
    pub columns: &'static [&'static str],
    /// Whose it is.
    pub owner: Owner,
    /// How it is compared.
    pub kind: Kind,
}

/// The table of fields, in the order of `Field`.
pub static ABOUT: [About; FIELDS] = {
    use Kind::{Class, Code, Date, Email, Family, Given, Middle, Order, Postcode, Words};
    use Owner::{Address, Household, Person};
    const fn row(
        name: &'static str,
        columns: &'static [&'static str],
        owner: Owner,
        kind: Kind,
    ) -> About {
        About { name, columns, owner, kind }
    }
    [
        row("given", &["first_name", "given_name", "firstname", "forename"], Person, Given),
        row("family", &["last_name", "family_name", "lastname", "surname"], Household, Family),
        row("order", &[], Person, Order),
        row("middle", &["middle_initial", "middle_name", "middle_names"], Person, Middle),
        row("birth", &["date_of_birth", "birth_date", "birthdate", "dob"], Person, Date),
        row("gender", &["gender", "sex"], Person, Class),
        row("email", &["email", "e_mail", "email_address"], Household, Email),
        row("phone", &["phone", "telephone", "mobile", "phone_number"], Household, Code),
        row("device", &["device_id", "device"], Household, Code),
        row("loyalty", &["loyalty_id", "loyalty_card"], Household, Code),
        row("person", &["national_id", "user_id", "person_id"], Person, Code),
        row("number", &["street_number", "house_number"], Address, Code),
        row("street", &["address_line1", "street", "address"], Address, Words),
        row("line", &["address_line2"], Address, Words),
        row("unit", &["unit", "flat", "apartment"], Address, Code),
        row("city", &["city", "town", "birth_place"], Address, Words),
        row("postcode", &["postcode", "postal_code", "zip", "zip_code"], Address, Postcode),
        row("region", &["region", "state", "province"], Address, Class),
        row("occupation", &["occupation", "profession"], Person, Words),
    ]
};

/// Column names of a whole name, which is taken apart.
pub const FULL_NAME_COLUMNS: [&str; 3] = ["full_name", "name", "fullname"];

/// A level of agreement: what it means, and how often one would expect it of one person's two
/// records and of two strangers before any data was seen.
#[derive(Debug)]
pub struct Level {
    /// What it means, in words.
    pub words: &'static str,
    /// The share of it among one person's records, beforehand.
    pub expected: f32,
}

/// The levels of a kind; the first is "the same".
pub fn levels(kind: Kind) -> &'static [Level] {
    macro_rules! levels {
        ($($words:literal $expected:literal),* $(,)?) => {
            &[$(Level { words: $words, expected: $expected }),*]
        };
    }
    match kind {
        Kind::Given => {
            levels!["same" 0.82, "nickname" 0.03, "one slip in spelling, or another script" 0.06,
            "similar" 0.03, "initial only" 0.02, "slightly similar" 0.02, "different" 0.02]
        }
        Kind::Family => {
            levels!["same" 0.86, "part of it" 0.02, "one slip in spelling, or another script" 0.06,
            "similar" 0.02, "slightly similar" 0.01, "different" 0.03]
        }
        Kind::Order => levels!["names swapped" 0.02, "names in order" 0.98],
        Kind::Middle => levels!["same" 0.80, "initial fits" 0.06, "one in common" 0.06,
            "different" 0.08],
        Kind::Date => levels!["same" 0.84, "one slip or day and month swapped" 0.08,
            "two slips" 0.03, "same year" 0.02, "same day" 0.01, "different" 0.02],
        Kind::Email => levels!["same" 0.75, "same before the @" 0.05, "one slip before the @" 0.05,
            "similar before the @" 0.03, "different" 0.12],
        Kind::Code => levels!["same" 0.80, "one slip" 0.06, "two slips" 0.02, "different" 0.12],
        Kind::Class => levels!["same" 0.95, "different" 0.05],
        Kind::Words => {
            levels!["same" 0.75, "one slip in spelling, or another script" 0.08, "similar" 0.04,
            "a word in common" 0.03, "different" 0.10]
        }
        Kind::Postcode => levels!["same" 0.78, "one slip" 0.06, "same area" 0.06,
            "different" 0.10],
    }
}

/// Levels that agree in another way than those beside them, neither better nor worse: an initial is no bad
/// spelling. All others stand by falling agreement.
pub fn of_another_kind(kind: Kind) -> &'static [usize] {
    match kind {
        Kind::Given => &[1, 4],
        Kind::Family | Kind::Email => &[1],
        Kind::Middle => &[1, 2],
        Kind::Date => &[3, 4],
        Kind::Words => &[3],
        Kind::Postcode => &[2],
        Kind::Order | Kind::Code | Kind::Class => &[],
    }
}

impl Field {
    /// Every field, in order.
    pub const ALL: [Field; FIELDS] = {
        use Field as F;
        [
            F::Given,
            F::Family,
            F::Order,
            F::Middle,
            F::Birth,
            F::Gender,
            F::Email,
            F::Phone,
            F::Device,
            F::Loyalty,
            F::Person,
            F::Number,
            F::Street,
            F::Line,
            F::Unit,
            F::City,
            F::Postcode,
            F::Region,
            F::Occupation,
        ]
    };

    /// What is known about it.
    pub fn about(self) -> &'static About {
        &ABOUT[self as usize]
    }

    /// Its levels of agreement.
    pub fn levels(self) -> &'static [Level] {
        levels(self.about().kind)
    }

    /// Whether it is given out so that nobody else has it: two who share it by chance are rare, however few
    /// records there are to tell.
    pub fn identifies(self) -> bool {
        matches!(self, Field::Email | Field::Phone | Field::Device | Field::Loyalty | Field::Person)
    }

    /// The field of a column or of a name in a map.
    pub fn named(name: &str) -> Option<Field> {
        Field::ALL
            .into_iter()
            .filter(|field| *field != Field::Order)
            .find(|field| field.about().name == name || field.about().columns.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_fields() {
        for (index, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, index);
            assert!(field.levels().len() <= LEVELS_MAX);
            let total: f32 = field.levels().iter().map(|level| level.expected).sum();
            assert!((total - 1.0).abs() < 1e-5, "{}: {total}", field.about().name);
        }
    }

    #[test]
    fn every_column_name_means_one_field() {
        let mut names: Vec<&str> =
            ABOUT.iter().flat_map(|about| about.columns.iter().copied()).collect();
        names.extend(FULL_NAME_COLUMNS);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(Field::named("birth_place"), Some(Field::City));
        assert_eq!(Field::named("order"), None);
    }
}
