//! The lists themselves: one line of names per state.

use chrono::{Datelike, NaiveDate, Weekday};

use super::{Holiday, When};

/// ISO 3166-1 alpha-2, the English name, the holidays.
pub(super) type Country = (&'static str, &'static str, &'static [Holiday]);

const fn on(month: u32, day: u32, name: &'static str) -> Holiday {
    Holiday::new(When::On(month, day), name)
}

const fn easter(days: i64, name: &'static str) -> Holiday {
    Holiday::new(When::Easter(days), name)
}

const fn orthodox(days: i64, name: &'static str) -> Holiday {
    Holiday::new(When::Orthodox(days), name)
}

const fn monday_from(month: u32, day: u32, name: &'static str) -> Holiday {
    Holiday::new(When::From(Weekday::Mon, month, day), name)
}

const NEW_YEAR: Holiday = on(1, 1, "New Year's Day");
const SECOND_NEW_YEAR: Holiday = on(1, 2, "2 January");
const EPIPHANY: Holiday = on(1, 6, "Epiphany");
const SAINT_JOSEPH: Holiday = on(3, 19, "Saint Joseph's Day");
const MAUNDY_THURSDAY: Holiday = easter(-3, "Maundy Thursday");
const GOOD_FRIDAY: Holiday = easter(-2, "Good Friday");
const EASTER_MONDAY: Holiday = easter(1, "Easter Monday");
const ASCENSION: Holiday = easter(39, "Ascension Day");
const WHIT_MONDAY: Holiday = easter(50, "Whit Monday");
const CORPUS_CHRISTI: Holiday = easter(60, "Corpus Christi");
const GREEN_MONDAY: Holiday = orthodox(-48, "Green Monday");
const ORTHODOX_GOOD_FRIDAY: Holiday = orthodox(-2, "Good Friday");
const ORTHODOX_EASTER_MONDAY: Holiday = orthodox(1, "Easter Monday");
const ORTHODOX_WHIT_MONDAY: Holiday = orthodox(50, "Whit Monday");
const LABOUR_DAY: Holiday = on(5, 1, "Labour Day");
const VICTORY_DAY: Holiday = on(5, 8, "Victory Day");
const CYRIL_AND_METHODIUS: Holiday = on(7, 5, "Saints Cyril and Methodius Day");
const ASSUMPTION: Holiday = on(8, 15, "Assumption Day");
const OHI_DAY: Holiday = on(10, 28, "Ohi Day");
const ALL_SAINTS: Holiday = on(11, 1, "All Saints' Day");
const ARMISTICE: Holiday = on(11, 11, "Armistice Day");
const IMMACULATE: Holiday = on(12, 8, "Immaculate Conception");
const CHRISTMAS_EVE: Holiday = on(12, 24, "Christmas Eve");
const CHRISTMAS: Holiday = on(12, 25, "Christmas Day");
const SAINT_STEPHEN: Holiday = on(12, 26, "Saint Stephen's Day");
const SECOND_CHRISTMAS: Holiday = on(12, 26, "Second Day of Christmas");

/// All lists, in the order of their codes.
#[rustfmt::skip]
pub(super) const COUNTRIES: &[Country] = &[
    ("AT", "Austria", &[
        NEW_YEAR, EPIPHANY, EASTER_MONDAY, LABOUR_DAY, ASCENSION, WHIT_MONDAY, CORPUS_CHRISTI,
        ASSUMPTION, on(10, 26, "National Day"), ALL_SAINTS, IMMACULATE, CHRISTMAS, SAINT_STEPHEN]),
    ("BE", "Belgium", &[
        NEW_YEAR, EASTER_MONDAY, LABOUR_DAY, ASCENSION, WHIT_MONDAY, on(7, 21, "National Day"),
        ASSUMPTION, ALL_SAINTS, ARMISTICE, CHRISTMAS]),
    // Labour Code Art 154(2): all but Easter are replaced when they fall on a weekend.
    ("BG", "Bulgaria", &[
        NEW_YEAR.in_lieu("New Year's Day (in lieu)"),
        on(3, 3, "Liberation Day").in_lieu("Liberation Day (in lieu)"),
        ORTHODOX_GOOD_FRIDAY, ORTHODOX_EASTER_MONDAY,
        LABOUR_DAY.in_lieu("Labour Day (in lieu)"),
        on(5, 6, "Saint George's Day").in_lieu("Saint George's Day (in lieu)"),
        on(5, 24, "Day of Bulgarian Culture").in_lieu("Day of Bulgarian Culture (in lieu)"),
        on(9, 6, "Unification Day").in_lieu("Unification Day (in lieu)"),
        on(9, 22, "Independence Day").in_lieu("Independence Day (in lieu)"),
        CHRISTMAS_EVE.in_lieu("Christmas Eve (in lieu)"),
        CHRISTMAS.in_lieu("Christmas Day (in lieu)"),
        SECOND_CHRISTMAS.in_lieu("Second Day of Christmas (in lieu)")]),
    // 1 August is the one federal holiday; the other three are kept by every canton.
    ("CH", "Switzerland", &[NEW_YEAR, ASCENSION, on(8, 1, "National Day"), CHRISTMAS]),
    ("CY", "Cyprus", &[
        NEW_YEAR, EPIPHANY, GREEN_MONDAY, on(3, 25, "Greek Independence Day"),
        on(4, 1, "Cyprus National Day"), ORTHODOX_GOOD_FRIDAY, ORTHODOX_EASTER_MONDAY, LABOUR_DAY,
        ORTHODOX_WHIT_MONDAY, ASSUMPTION, on(10, 1, "Cyprus Independence Day"), OHI_DAY, CHRISTMAS,
        SECOND_CHRISTMAS]),
    ("CZ", "Czechia", &[
        NEW_YEAR, GOOD_FRIDAY, EASTER_MONDAY, LABOUR_DAY, VICTORY_DAY, CYRIL_AND_METHODIUS,
        on(7, 6, "Jan Hus Day"), on(9, 28, "Statehood Day"), on(10, 28, "Independence Day"),
        on(11, 17, "Freedom and Democracy Day"), CHRISTMAS_EVE, CHRISTMAS, SECOND_CHRISTMAS]),
    ("DE", "Germany", &[
        NEW_YEAR, GOOD_FRIDAY, EASTER_MONDAY, LABOUR_DAY, ASCENSION, WHIT_MONDAY,
        on(10, 3, "German Unity Day"), CHRISTMAS, SECOND_CHRISTMAS]),
    ("DK", "Denmark", &[
        NEW_YEAR, MAUNDY_THURSDAY, GOOD_FRIDAY, EASTER_MONDAY, ASCENSION, WHIT_MONDAY, CHRISTMAS,
        SECOND_CHRISTMAS]),
    ("EE", "Estonia", &[
        NEW_YEAR, on(2, 24, "Independence Day"), GOOD_FRIDAY, LABOUR_DAY, on(6, 23, "Victory Day"),
        on(6, 24, "Midsummer Day"), on(8, 20, "Independence Restoration Day"), CHRISTMAS_EVE,
        CHRISTMAS, SECOND_CHRISTMAS]),
    // What falls on a Sunday is moved, or not, by each region.
    ("ES", "Spain", &[
        NEW_YEAR, EPIPHANY, GOOD_FRIDAY, LABOUR_DAY, ASSUMPTION, on(10, 12, "National Day"),
        ALL_SAINTS, on(12, 6, "Constitution Day"), IMMACULATE, CHRISTMAS]),
    // Midsummer Day and All Saints' Day always are Saturdays.
    ("FI", "Finland", &[
        NEW_YEAR, EPIPHANY, GOOD_FRIDAY, EASTER_MONDAY, LABOUR_DAY, ASCENSION,
        Holiday::new(When::From(Weekday::Fri, 6, 19), "Midsummer Eve"),
        on(12, 6, "Independence Day"), CHRISTMAS_EVE, CHRISTMAS, SECOND_CHRISTMAS]),
    ("FR", "France", &[
        NEW_YEAR, EASTER_MONDAY, LABOUR_DAY, VICTORY_DAY, ASCENSION, WHIT_MONDAY,
        on(7, 14, "National Day"), ASSUMPTION, ALL_SAINTS, ARMISTICE, CHRISTMAS]),
    // Common to England, Wales, Scotland and Northern Ireland.
    ("GB", "United Kingdom", &[
        NEW_YEAR.in_lieu("New Year's Day (in lieu)"), GOOD_FRIDAY,
        monday_from(5, 1, "Early May bank holiday"), monday_from(5, 25, "Spring bank holiday"),
        CHRISTMAS.in_lieu("Christmas Day (in lieu)"),
        on(12, 26, "Boxing Day").in_lieu("Boxing Day (in lieu)")]),
    ("GR", "Greece", &[
        NEW_YEAR, EPIPHANY, GREEN_MONDAY, on(3, 25, "Independence Day"), ORTHODOX_GOOD_FRIDAY,
        ORTHODOX_EASTER_MONDAY, LABOUR_DAY.not_in(2024),
        Holiday::new(When::Rule(greek_labour_day_of_2024), "Labour Day (moved)"),
        ORTHODOX_WHIT_MONDAY, ASSUMPTION, OHI_DAY, CHRISTMAS, SECOND_CHRISTMAS]),
    ("HR", "Croatia", &[
        NEW_YEAR, EPIPHANY, EASTER_MONDAY, LABOUR_DAY, on(5, 30, "Statehood Day"), CORPUS_CHRISTI,
        on(6, 22, "Anti-Fascist Struggle Day"), on(8, 5, "Victory Day"), ASSUMPTION, ALL_SAINTS,
        on(11, 18, "Remembrance Day"), CHRISTMAS, SAINT_STEPHEN]),
    ("HU", "Hungary", &[
        NEW_YEAR, on(3, 15, "Revolution Day"), GOOD_FRIDAY, EASTER_MONDAY, LABOUR_DAY, WHIT_MONDAY,
        on(8, 20, "State Foundation Day"), on(10, 23, "National Day"), ALL_SAINTS,
        CHRISTMAS_EVE.since(2026), CHRISTMAS, SECOND_CHRISTMAS]),
    ("IE", "Ireland", &[
        NEW_YEAR, Holiday::new(When::Rule(saint_brigid), "Saint Brigid's Day"),
        on(3, 17, "Saint Patrick's Day"), EASTER_MONDAY, monday_from(5, 1, "May bank holiday"),
        monday_from(6, 1, "June bank holiday"), monday_from(8, 1, "August bank holiday"),
        monday_from(10, 25, "October bank holiday"), CHRISTMAS, SAINT_STEPHEN]),
    ("IS", "Iceland", &[
        NEW_YEAR, MAUNDY_THURSDAY, GOOD_FRIDAY, EASTER_MONDAY,
        Holiday::new(When::From(Weekday::Thu, 4, 19), "First Day of Summer"), LABOUR_DAY,
        ASCENSION, WHIT_MONDAY, on(6, 17, "National Day"), monday_from(8, 1, "Commerce Day"),
        CHRISTMAS, SECOND_CHRISTMAS]),
    ("IT", "Italy", &[
        NEW_YEAR, EPIPHANY, EASTER_MONDAY, on(4, 25, "Liberation Day"), LABOUR_DAY,
        on(6, 2, "Republic Day"), ASSUMPTION, on(10, 4, "Saint Francis of Assisi").since(2026),
        ALL_SAINTS, IMMACULATE, CHRISTMAS, SAINT_STEPHEN]),
    ("LI", "Liechtenstein", &[
        NEW_YEAR, EPIPHANY, on(2, 2, "Candlemas"), SAINT_JOSEPH, EASTER_MONDAY, LABOUR_DAY,
        ASCENSION, WHIT_MONDAY, CORPUS_CHRISTI, on(8, 15, "National Day"),
        on(9, 8, "Nativity of Mary"), ALL_SAINTS, IMMACULATE, CHRISTMAS, SAINT_STEPHEN]),
    ("LT", "Lithuania", &[
        NEW_YEAR, on(2, 16, "Restoration of the State"), on(3, 11, "Restoration of Independence"),
        EASTER_MONDAY, LABOUR_DAY, on(6, 24, "Saint John's Day"), on(7, 6, "Statehood Day"),
        ASSUMPTION, ALL_SAINTS, on(11, 2, "All Souls' Day"), CHRISTMAS_EVE, CHRISTMAS,
        SECOND_CHRISTMAS]),
    ("LU", "Luxembourg", &[
        NEW_YEAR, EASTER_MONDAY, LABOUR_DAY, on(5, 9, "Europe Day"), ASCENSION, WHIT_MONDAY,
        on(6, 23, "National Day"), ASSUMPTION, ALL_SAINTS, CHRISTMAS, SAINT_STEPHEN]),
    ("LV", "Latvia", &[
        NEW_YEAR, GOOD_FRIDAY, EASTER_MONDAY, LABOUR_DAY,
        on(5, 4, "Restoration of Independence").in_lieu("Restoration of Independence (in lieu)"),
        on(6, 23, "Midsummer Eve"), on(6, 24, "Midsummer Day"),
        on(11, 18, "Proclamation Day").in_lieu("Proclamation Day (in lieu)"), CHRISTMAS_EVE,
        CHRISTMAS, SECOND_CHRISTMAS, on(12, 31, "New Year's Eve")]),
    ("MT", "Malta", &[
        NEW_YEAR, on(2, 10, "Saint Paul's Shipwreck"), SAINT_JOSEPH, on(3, 31, "Freedom Day"),
        GOOD_FRIDAY, LABOUR_DAY, on(6, 7, "Sette Giugno"), on(6, 29, "Saints Peter and Paul"),
        ASSUMPTION, on(9, 8, "Our Lady of Victories"), on(9, 21, "Independence Day"), IMMACULATE,
        on(12, 13, "Republic Day"), CHRISTMAS]),
    // King's Day moves from a Sunday to the Saturday before. The Algemene termijnenwet counts 5 May
    // every year; most employers close only every fifth, which is the earlier, safe reading.
    ("NL", "Netherlands", &[
        NEW_YEAR, GOOD_FRIDAY, EASTER_MONDAY, on(4, 27, "King's Day"),
        Holiday::new(When::Rule(dutch_liberation_day), "Liberation Day"), ASCENSION, WHIT_MONDAY,
        CHRISTMAS, SECOND_CHRISTMAS]),
    ("NO", "Norway", &[
        NEW_YEAR, MAUNDY_THURSDAY, GOOD_FRIDAY, EASTER_MONDAY, LABOUR_DAY,
        on(5, 17, "Constitution Day"), ASCENSION, WHIT_MONDAY, CHRISTMAS, SECOND_CHRISTMAS]),
    ("PL", "Poland", &[
        NEW_YEAR, EPIPHANY, EASTER_MONDAY, LABOUR_DAY, on(5, 3, "Constitution Day"),
        CORPUS_CHRISTI, ASSUMPTION, ALL_SAINTS, on(11, 11, "Independence Day"),
        CHRISTMAS_EVE.since(2025), CHRISTMAS, SECOND_CHRISTMAS]),
    ("PT", "Portugal", &[
        NEW_YEAR, GOOD_FRIDAY, on(4, 25, "Freedom Day"), LABOUR_DAY, CORPUS_CHRISTI,
        on(6, 10, "Portugal Day"), ASSUMPTION, on(10, 5, "Republic Day"), ALL_SAINTS,
        on(12, 1, "Restoration of Independence"), IMMACULATE, CHRISTMAS]),
    ("RO", "Romania", &[
        NEW_YEAR, SECOND_NEW_YEAR, EPIPHANY, on(1, 7, "Saint John the Baptist"),
        on(1, 24, "Unification Day"), ORTHODOX_GOOD_FRIDAY, ORTHODOX_EASTER_MONDAY, LABOUR_DAY,
        on(6, 1, "Children's Day"), ORTHODOX_WHIT_MONDAY, ASSUMPTION,
        on(11, 30, "Saint Andrew's Day"), on(12, 1, "National Day"), CHRISTMAS, SECOND_CHRISTMAS]),
    // The law on time limits also closes the eves of Midsummer, Christmas and New Year; they are no
    // public holidays, so answering by then is the safe reading.
    ("SE", "Sweden", &[
        NEW_YEAR, EPIPHANY, GOOD_FRIDAY, EASTER_MONDAY, LABOUR_DAY, ASCENSION,
        on(6, 6, "National Day"), CHRISTMAS, SECOND_CHRISTMAS]),
    ("SI", "Slovenia", &[
        NEW_YEAR, SECOND_NEW_YEAR, on(2, 8, "Prešeren Day"), EASTER_MONDAY,
        on(4, 27, "Day of Uprising"), LABOUR_DAY, on(5, 2, "Labour Day, second day"),
        on(6, 25, "Statehood Day"), ASSUMPTION, on(10, 31, "Reformation Day"),
        on(11, 1, "Remembrance Day"), CHRISTMAS, on(12, 26, "Independence and Unity Day")]),
    // 8 May and 15 September 2026 were made working days to save money.
    ("SK", "Slovakia", &[
        NEW_YEAR, EPIPHANY, GOOD_FRIDAY, EASTER_MONDAY, LABOUR_DAY, VICTORY_DAY.not_in(2026),
        CYRIL_AND_METHODIUS, on(8, 29, "National Uprising Day"),
        on(9, 15, "Our Lady of Sorrows").not_in(2026), ALL_SAINTS, CHRISTMAS_EVE, CHRISTMAS,
        SECOND_CHRISTMAS]),
];

/// The first Monday of February, but 1 February where that is a Friday.
fn saint_brigid(year: i32) -> Option<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(year, 2, 1)?;
    let wanted = if first.weekday() == Weekday::Fri { Weekday::Fri } else { Weekday::Mon };
    first.iter_days().find(|day| day.weekday() == wanted)
}

/// 5 May, every fifth year.
fn dutch_liberation_day(year: i32) -> Option<NaiveDate> {
    (year % 5 == 0).then(|| NaiveDate::from_ymd_opt(year, 5, 5)).flatten()
}

/// In 2024 the minister moved 1 May out of Holy Week to the Tuesday after Easter.
fn greek_labour_day_of_2024(year: i32) -> Option<NaiveDate> {
    (year == 2024).then(|| NaiveDate::from_ymd_opt(year, 5, 7)).flatten()
}
