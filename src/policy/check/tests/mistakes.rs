//! One bad file for each code: the code, the line, and a fix that names the remedy.

use std::collections::BTreeSet;

use super::{GOOD, line_of, spoil};
use crate::policy::check::check;
use crate::policy::mistake::{CODES, Mistake};

/// A mistake made in the good policy, and what must be said of it.
struct Bad {
    code: &'static str,
    /// What stands in the good policy.
    good: &'static str,
    /// What stands there instead.
    bad: &'static str,
    /// A piece of the line that must be named.
    line: &'static str,
    /// A piece of the remedy.
    remedy: &'static str,
}

const fn bad(
    code: &'static str,
    good: &'static str,
    bad: &'static str,
    line: &'static str,
    remedy: &'static str,
) -> Bad {
    Bad { code, good, bad, line, remedy }
}

const CONTROLLER: &str = r#"[controller]
name = "Wren Books"
country = "IE"
timezone = "Europe/Dublin"
contact = "privacy@wrenbooks.example"
"#;

const VERSIONS: &str = r#"[[notice.form.version]]
version = 1
language = "en"
text = "May we write to you?"
[[notice.form.version]]
version = 2
language = "en"
text = "May we write to you once a month?"
"#;

const BACKWARDS: &str = r#"[[notice.form.version]]
version = 2
language = "en"
text = "May we write to you once a month?"
[[notice.form.version]]
version = 1
language = "en"
text = "May we write to you?"
"#;

const TABLE: &[Bad] = &[
    // The file.
    bad("syntax", "country = \"IE\"\ntimezone", "country = IE\ntimezone", "= IE", "quotes"),
    bad(
        "syntax",
        "[purpose.sales]",
        "[purpose.letter]\n[x]",
        "[purpose.letter]\n[x]",
        "another name",
    ),
    bad("unknown-key", "title = \"Monthly", "tilte = \"Monthly", "tilte", "\"title\""),
    bad("unknown-key", "[profile]", "[profil]", "[profil]", "\"profile\""),
    bad("unknown-key", "gender = { as", "gender = { to = 1, as", "gender", "as, category"),
    bad("wrong-type", "name = \"Wren Books\"", "name = 7", "name = 7", "name = \"7\""),
    bad("wrong-type", "[\"email\"]\ncat", "\"email\"\ncat", "channels", "channels = [\"email\"]"),
    bad("wrong-type", "special = true", "special = \"yes\"", "special", "special = true"),
    bad("wrong-type", "max_records = 3", "max_records = 3.5", "max_rec", "max_records = 1"),
    bad("wrong-type", VERSIONS, "version = 1\n", "version = 1", "[[notice.form.version]]"),
    bad("wrong-type", "gender = { as = \"ignore\" }", "gender = 1", "gender", "gender = { as"),
    bad("wrong-type", "\"P6Y\"", "2026-01-01", "2026-01-01", "retention = \"2026-01-01\""),
    bad("wrong-number", "max_records = 3", "max_records = 0", "max_records", "max_records = 1"),
    bad("wrong-number", "version = 2", "version = -2", "version = -2", "version = 1"),
    bad("empty-text", "\"May we write to you?\"", "\" \"", "text = \" \"", "write it out"),
    bad("empty-text", "law = \"Tax Act, s. 886\"", "law = \"\"", "law = \"\"", "write it out"),
    bad("key-missing", "name = \"Wren Books\"\n", "", "[controller]", "name = \"Tern & Pine\""),
    bad(
        "key-missing",
        "country = \"IE\"\ntimezone",
        "timezone",
        "[controller]",
        "country = \"IE\"",
    ),
    bad("key-missing", "timezone = \"Europe/Dublin\"\n", "", "[controller]", "timezone = "),
    bad(
        "key-missing",
        "contact = \"privacy@wrenbooks.example\"\n",
        "",
        "[controller]",
        "contact = ",
    ),
    bad("key-missing", "basis = \"contract\"\n", "", "[purpose.sales]", "\"contract\""),
    bad("key-missing", "key = \"customer\"\n", "", "[source.shop]", "key = "),
    bad("key-missing", "as = \"attribute.country\"\n", "", "[[source.shop.fixed]]", "as = "),
    bad("key-missing", "value = \"IE\"\n", "", "[[source.shop.fixed]]", "value = "),
    bad("key-missing", "version = 2\n", "", "version]]\nlanguage", "version = 1"),
    bad(
        "key-missing",
        "language = \"en\"\ntext = \"May we write to you?\"",
        "text = \"May we write to you?\"",
        "[[notice.form.version]]",
        "language = ",
    ),
    bad(
        "key-missing",
        "text = \"May we write to you?\"\n",
        "",
        "[[notice.form.version]]",
        "text = ",
    ),
    bad(
        "key-missing",
        "purpose = \"letter\"\nchannel = \"email\"\nstate",
        "state",
        "[[source.shop.consent]]",
        "purpose = ",
    ),
    bad(
        "key-missing",
        "state = { from = \"optin\", values = { yes = \"given\", no = \"refused\" } }\n",
        "",
        "[[source.shop.consent]]",
        "state = ",
    ),
    bad(
        "key-missing",
        "notice = \"form@1\"",
        "notice_version = \"1\"",
        "notice_version",
        "notice = ",
    ),
    bad("key-missing", "name = \"sale\"\n", "", "[[source.shop.event]]", "name = "),
    bad("key-missing", "{ from = \"order_no\" }", "{ values = { a = \"b\" } }", "id = ", "from = "),
    bad(
        "key-missing",
        "recipient = \"Letterbox Ltd, Dublin\"\n",
        "",
        "[destination.mailer]",
        "recipient = ",
    ),
    bad(
        "key-missing",
        "purpose = \"letter\"\nchannel = \"email\"\nfields",
        "channel = \"email\"\nfields",
        "[destination.mailer]",
        "purpose = ",
    ),
    bad("bad-name", "[purpose.help]", "[purpose.Help]", "[purpose.Help]", "help"),
    bad("bad-name", "[purpose.help]", "[purpose.1st]", "[purpose.1st]", "x_1st"),
    bad(
        "bad-name",
        "channels = [\"email\"]",
        "channels = [\"email\", \"Text message\"]",
        "channels",
        "text_message",
    ),
    bad("bad-name", "attribute.born", "attribute.Born on", "attribute.Born on", "born_on"),
    bad(
        "listed-twice",
        "[\"contact\", \"order\"]",
        "[\"contact\", \"contact\"]",
        "\"contact\", \"contact\"",
        "leave out",
    ),
    bad("unknown-choice", "form = \"email\"", "form = \"mail\"", "form = \"mail\"", "\"email\""),
    bad("unknown-choice", "type = \"date\"", "type = \"dat\"", "born", "\"date\""),
    bad("unknown-choice", "winner = \"newest\"", "winner = \"oldest\"", "winner", "newest"),
    bad("unknown-choice", "delimiter = \";\"", "format = \"excel\"", "format = ", "xlsx"),
    bad("unknown-choice", "delimiter = \";\"", "encoding = \"utf-7\"", "encoding", "\"utf-8\""),
    // The controller.
    bad("controller-missing", CONTROLLER, "", "", "[controller]"),
    bad(
        "unknown-country",
        "country = \"IE\"\ntimezone",
        "country = \"Ireland\"\ntimezone",
        "Ireland",
        "\"IE\"",
    ),
    bad(
        "unknown-country",
        "country = \"IE\"\ntimezone",
        "country = \"UK\"\ntimezone",
        "\"UK\"",
        "\"GB\"",
    ),
    bad(
        "unknown-country",
        "phone_country = \"FR\"",
        "phone_country = \"fr\"",
        "phone_country",
        "\"FR\"",
    ),
    bad("unknown-timezone", "Europe/Dublin", "Europe/Dubln", "Europe/Dubln", "\"Europe/Dublin\""),
    bad("unknown-timezone", "Europe/Paris", "CET+1 or so", "CET+1 or so", "IANA"),
    // Notices.
    bad("notice-empty", VERSIONS, "", "[notice.form]", "[[notice.form.version]]"),
    bad(
        "notice-repeated",
        "version = 2",
        "version = 1 # again",
        "version = 1 # again",
        "version = 2",
    ),
    bad("notice-order", VERSIONS, BACKWARDS, "version = 1", "version = 3"),
    bad(
        "bad-language",
        "language = \"en\"\ntext = \"May we write to you?\"",
        "language = \"English (IE)\"\ntext = \"May we write to you?\"",
        "English",
        "\"en\"",
    ),
    bad(
        "unknown-notice",
        "notice = \"form\"",
        "notice = \"from\"",
        "notice = \"from\"",
        "\"form\"",
    ),
    bad("unknown-notice", "form@1", "card@1", "card@1", "form"),
    bad("unknown-notice-version", "form@1", "form@3", "form@3", "form@2"),
    bad(
        "unknown-notice-version",
        "\"form@1\"",
        "\"form\"\nnotice_version = \"7\"",
        "notice_version",
        "\"2\"",
    ),
    bad("notice-version-missing", "form@1", "form", "notice = \"form\"\n[[source", "form@2"),
    bad(
        "notice-version-twice",
        "\"form@1\"",
        "\"form@1\"\nnotice_version = { from = \"v\" }",
        "form@1",
        "leave notice_version out",
    ),
    // Purposes.
    bad("unknown-basis", "\"contract\"", "\"contrcat\"", "contrcat", "\"contract\""),
    bad("unknown-basis", "\"contract\"", "\"because\"", "because", "legitimate_interests"),
    bad(
        "consent-without-notice",
        "notice = \"form\"\n",
        "",
        "[purpose.letter]",
        "notice = \"form\"",
    ),
    bad(
        "consent-only",
        "law = ",
        "double_opt_in = true\nlaw = ",
        "double_opt_in",
        "leave double_opt_in out",
    ),
    bad("consent-only", "law = ", "explicit = true\nlaw = ", "explicit", "leave explicit out"),
    bad(
        "consent-only",
        "law = ",
        "consent_expires = \"P1Y\"\nlaw = ",
        "consent_expires",
        "leave consent_expires out",
    ),
    bad("assessment-missing", "assessment = \"LIA-1\"\n", "", "[purpose.help]", "assessment = "),
    bad("law-missing", "law = \"Tax Act, s. 886\"\n", "", "[purpose.books]", "law = "),
    bad(
        "law-missing",
        "\"legal_obligation\"\nlaw = \"Tax Act, s. 886\"",
        "\"public_task\"",
        "[purpose.books]",
        "law = ",
    ),
    bad("categories-missing", "categories = [\"order\"]\n", "", "[purpose.books]", "categories = "),
    bad(
        "categories-missing",
        "categories = [\"order\"]",
        "categories = []",
        "categories = []",
        "\"order\"",
    ),
    bad("unknown-category", "[\"order\"]", "[\"orders\"]", "[\"orders\"]", "\"order\""),
    bad(
        "unknown-category",
        "category = \"order\"",
        "category = \"behaviour\"",
        "behaviour",
        "[category.behaviour]",
    ),
    bad(
        "special-without-condition",
        "[\"contact\", \"order\"]",
        "[\"contact\", \"order\", \"diet\"]",
        "\"diet\"",
        "9(2)(a)",
    ),
    bad(
        "bad-special-condition",
        "law = ",
        "special_condition = \"9(2)(k)\"\nlaw = ",
        "9(2)(k)",
        "9(2)(j)",
    ),
    bad(
        "bad-special-condition",
        "law = ",
        "special_condition = \"Art 9(2)(a)\"\nlaw = ",
        "Art 9(2)(a)",
        "\"9(2)(a)\"",
    ),
    bad(
        "special-needs-consent",
        "law = ",
        "special_condition = \"9(2)(a)\"\nlaw = ",
        "9(2)(a)",
        "basis = \"consent\"",
    ),
    bad("retention-missing", "retention = \"P6Y\"\n", "", "[purpose.sales]", "retention = "),
    bad("bad-period", "\"P6Y\"", "\"6 years\"", "6 years", "P6Y"),
    bad(
        "bad-period",
        "notice = \"form\"\n",
        "notice = \"form\"\nconsent_expires = \"P24M after last contact\"\n",
        "consent_expires",
        "P24M",
    ),
    bad(
        "bad-erasure-ground",
        "law = ",
        "keeps_on_erasure = \"17(3)(f)\"\nlaw = ",
        "17(3)(f)",
        "17(3)(b)",
    ),
    bad(
        "erasure-ground-on-consent",
        "notice = \"form\"\n",
        "notice = \"form\"\nkeeps_on_erasure = \"17(3)(b)\"\n",
        "17(3)(b)",
        "legal_obligation",
    ),
    bad(
        "linking-by-profiling",
        "notice = \"form\"\n",
        "notice = \"form\"\nprofiling = true\nlinking = true\n",
        "linking = true",
        "[purpose.one_profile]",
    ),
    // Identifiers and profiles.
    bad(
        "unknown-attribute",
        "unless_differ = [\"first_name\"]",
        "unless_differ = [\"firstname\"]",
        "firstname",
        "\"first_name\"",
    ),
    bad(
        "unknown-attribute",
        "winner = \"newest\"",
        "attributes = { bron = \"newest\" }",
        "bron",
        "\"born\"",
    ),
    bad("unknown-source", "priority = [\"shop\"]", "priority = [\"shpo\"]", "shpo", "\"shop\""),
    bad(
        "priority-missing",
        "winner = \"newest\"\npriority = [\"shop\"]",
        "winner = \"source_priority\"",
        "winner",
        "priority = ",
    ),
    // Sources.
    bad(
        "purposes-missing",
        "purposes = [\"sales\", \"books\", \"letter\"]\n",
        "",
        "[source.shop]",
        "purposes = ",
    ),
    bad(
        "purposes-missing",
        "purposes = [\"sales\", \"books\", \"letter\"]",
        "purposes = []",
        "purposes = []",
        "\"sales\"",
    ),
    bad(
        "unknown-purpose",
        "[\"sales\", \"books\", \"letter\"]",
        "[\"sales\", \"book\"]",
        "\"book\"",
        "\"books\"",
    ),
    bad(
        "unknown-purpose",
        "purpose = \"letter\"\nchannel = \"email\"\nfields",
        "purpose = \"lettre\"\nchannel = \"email\"\nfields",
        "lettre",
        "\"letter\"",
    ),
    bad(
        "unknown-purpose",
        "purpose = \"letter\"\nchannel = \"email\"\nstate",
        "purpose = \"lettre\"\nchannel = \"email\"\nstate",
        "lettre",
        "\"letter\"",
    ),
    bad(
        "own-and-indirect",
        "delimiter = \";\"",
        "own = true\nindirect = true",
        "indirect = true",
        "own = true or indirect = true",
    ),
    bad(
        "own-and-tracking",
        "delimiter = \";\"",
        "format = \"tracking\"\nown = true",
        "own = true",
        "leave out own = true",
    ),
    bad("bad-delimiter", "delimiter = \";\"", "delimiter = \"::\"", "delimiter", "\";\""),
    bad("bad-delimiter", "delimiter = \";\"", "delimiter = 59", "delimiter", "\";\""),
    bad("bad-date-format", "%d.%m.%Y", "dd.mm.yyyy", "dd.mm.yyyy", "%d is the day"),
    bad("bad-date-format", "%d.%m.%Y", "%d.%m.", "%d.%m.", "%Y"),
    bad("bad-date-format", "type = \"date\"", "type = \"date\", dates = [\"%Q\"]", "%Q", "%Y"),
    bad("dates-unused", "type = \"date\"", "dates = [\"%d.%m.%Y\"]", "born", "type = \"date\""),
    bad("bad-time", "{ from = \"seen_at\" }", "\"seen_at\"", "observed", "{ from = \"seen_at\" }"),
    bad(
        "bad-time",
        "id = { from = \"order_no\" }",
        "id = { from = \"order_no\" }\nat = \"2026-03-03\"",
        "at = \"2026",
        "at = \"23.11.2018\"",
    ),
    bad(
        "unquoted-path",
        "gender = { as",
        "person.gender = { as",
        "person.gender",
        "\"person.gender\" = ",
    ),
    bad("bad-target", "attribute.born", "atribute.born", "atribute.born", "\"attribute.born\""),
    bad("bad-target", "\"identifier.email\"", "\"email\"", "mail = {", "\"identifier.email\""),
    bad(
        "bad-target",
        "{ as = \"ignore\" }",
        "{ as = \"ignored\", category = \"contact\" }",
        "ignored",
        "\"ignore\"",
    ),
    bad(
        "unknown-identifier",
        "[identifier.email]",
        "[identifier.phone]",
        "mail = {",
        "[identifier.email]",
    ),
    bad(
        "category-missing",
        "attribute.first_name\", category = \"contact\"",
        "attribute.first_name\"",
        "first_name = {",
        "category = \"contact\", or diet, order",
    ),
    bad("category-missing", "category = \"order\"\n", "", "[[source.shop.event]]", "order"),
    bad(
        "values-repeated",
        "{ yes = \"given\", no",
        "{ yes = \"given\", Yes = \"refused\", no",
        "Yes",
        "\"Yes\"",
    ),
    bad(
        "not-consent",
        "purpose = \"letter\"\nchannel = \"email\"\nstate",
        "purpose = \"sales\"\nstate",
        "purpose = \"sales\"",
        "basis = \"consent\"",
    ),
    bad("unknown-state", "yes = \"given\"", "yes = \"gave\"", "gave", "given"),
    bad("unknown-state", "yes = \"given\"", "yes = \"expired\"", "expired", "withdrawn"),
    bad(
        "unknown-channel",
        "channel = \"email\"\nstate",
        "channel = \"emial\"\nstate",
        "emial",
        "\"email\"",
    ),
    bad(
        "unknown-channel",
        "channel = \"email\"\nfields",
        "channel = \"post\"\nfields",
        "post",
        "add \"post\"",
    ),
    bad(
        "unknown-channel",
        "purpose = \"letter\"\nchannel = \"email\"\nfields",
        "purpose = \"sales\"\nchannel = \"email\"\nfields",
        "channel = \"email\"\nfields",
        "add \"email\"",
    ),
    bad(
        "channel-missing",
        "channel = \"email\"\nstate",
        "state",
        "[[source.shop.consent]]",
        "channel = \"email\"",
    ),
    bad("bad-event-name", "name = \"sale\"", "name = \"Sale Made\"", "Sale Made", "\"sale_made\""),
    bad("event-without-id", "id = { from = \"order_no\" }\n", "", "grouped", "id = { from"),
    bad(
        "grouped-conditionally",
        "grouped = true\n",
        "grouped = true\nwhen = { kind = \"sale\" }\n",
        "when =",
        "leave out when",
    ),
    bad("lines-ungrouped", "grouped = true\n", "", "lines =", "grouped = true"),
    bad(
        "unknown-currency",
        "grouped = true\n",
        "grouped = true\namount = { from = \"cents\" }\ncurrency = \"Euro\"\n",
        "currency",
        "currency = \"EUR\"",
    ),
    bad(
        "currency-unused",
        "grouped = true\n",
        "grouped = true\ncurrency = \"EUR\"\n",
        "currency",
        "amount = ",
    ),
    bad(
        "currency-differs",
        "lines = { product = { from = \"sku\" } }\n",
        "amount = { from = \"cents\" }\ncurrency = \"EUR\"\n[[source.shop.event]] # again\n\
         name = \"sale\"\ncategory = \"order\"\namount = { from = \"pence\" }\ncurrency = \"GBP\"\n",
        "# again",
        "one currency",
    ),
    bad(
        "unit-without-currency",
        "lines = { product = { from = \"sku\" } }\n",
        "amount = { from = \"total\", unit = \"major\" }\n",
        "amount = ",
        "currency = \"EUR\"",
    ),
    bad(
        "unknown-choice",
        "lines = { product = { from = \"sku\" } }\n",
        "amount = { from = \"total\", unit = \"euros\" }\ncurrency = \"EUR\"\n",
        "amount = ",
        "smallest",
    ),
    // Destinations.
    bad(
        "fields-missing",
        "fields = [\"email\", \"first_name\"]\n",
        "",
        "[destination.mailer]",
        "fields = ",
    ),
    bad(
        "unknown-field",
        "[\"email\", \"first_name\"]",
        "[\"email\", \"shoe_size\"]",
        "shoe_size",
        "email, first_name",
    ),
    bad(
        "field-not-covered",
        "attribute.first_name\", category = \"contact\"",
        "attribute.first_name\", category = \"order\"",
        "fields = [\"email\"",
        "[purpose.letter]",
    ),
    bad(
        "transfer-without-safeguards",
        "country = \"IE\"\n",
        "country = \"US\"\n",
        "country = \"US\"",
        "safeguards = ",
    ),
    bad(
        "bad-limit",
        "country = \"IE\"\n",
        "country = \"IE\"\nat_most = \"4 a month\"\n",
        "at_most = \"4 a month\"",
        "at_most = \"4 in P30D\"",
    ),
    bad(
        "unknown-choice",
        "country = \"IE\"\n",
        "country = \"IE\"\nread_by = \"spreadsheat\"\n",
        "read_by = \"spreadsheat\"",
        "did you mean \"spreadsheet\"?",
    ),
    bad(
        "unknown-choice",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"webhok\"\n",
        "kind = \"webhok\"",
        "did you mean \"webhook\"?",
    ),
    bad(
        "key-of-another-kind",
        "country = \"IE\"\n",
        "country = \"IE\"\nurl = \"https://m.example/\"\n",
        "url = ",
        "kind = \"webhook\"",
    ),
    bad(
        "key-of-another-kind",
        "country = \"IE\"\n",
        "country = \"IE\"\nattempts = 3\n",
        "attempts = ",
        "kind = \"http\"",
    ),
    bad(
        "key-missing",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"webhook\" # here\nurl = \"https://m.example/\"\n",
        "[destination.mailer]",
        "secret = ",
    ),
    bad(
        "key-missing",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"http\"\n",
        "[destination.mailer]",
        "[destination.mailer.http]",
    ),
    bad(
        "bad-limit",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"webhook\"\nsecret = \"m\"\nurl = \"https://m.example/\"\n\
         rate = \"10 a second\"\n",
        "rate = ",
        "rate = \"10 in PT1S\"",
    ),
    bad(
        "bad-address",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"webhook\"\nsecret = \"m\"\nurl = \"http://m.example/\"\n",
        "url = ",
        "https://",
    ),
    bad(
        "bad-secret",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"webhook\"\nsecret = \"whsec_AAA=\"\nurl = \"https://m.example/\"\n",
        "secret = ",
        "candor secret set",
    ),
    bad(
        "bad-secret",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"http\"\n[destination.mailer.http]\nurl = \"https://m.example/{{ data.id }}\"\nbody = '{\"a\": \"{{ secret.m }}\"}'\n",
        "body = ",
        "Authorization",
    ),
    bad(
        "bad-header",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"http\"\n[destination.mailer.http]\nurl = \"https://m.example/{{ data.id }}\"\nheaders = { Host = \"x\" }\n",
        "headers = ",
        "Authorization",
    ),
    bad(
        "bad-header",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"http\"\n[destination.mailer.http]\nurl = \"https://m.example/{{ data.id }}\"\nheaders = { Content-Type = \"text/plain\" }\n",
        "headers = ",
        "application/json",
    ),
    bad(
        "bad-template",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"http\"\n[destination.mailer.http]\nurl = \"https://m.example/{{ data.id }}\"\nbody = '{\"a\": {{ data.email }}}'\n",
        "body = ",
        "data.email",
    ),
    bad(
        "bad-template",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"http\"\n[destination.mailer.http]\nurl = \"https://m.example/{{ data.id }}\"\nbody = '{{ data.email'\n",
        "body = ",
        "two braces",
    ),
    bad(
        "bad-template",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"http\"\n[destination.mailer.http]\nurl = \"https://m.example/{{ data.id }}\"\nbody = '{{ purse|tojson }}'\n",
        "body = ",
        "data.FIELD",
    ),
    bad(
        "field-not-listed",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"http\"\n[destination.mailer.http]\nurl = \"https://m.example/{{ data.id }}\"\nbody = '{\"a\": \"{{ data.frist_name }}\"}'\n",
        "body = ",
        "did you mean \"first_name\"?",
    ),
    bad(
        "unknown-event",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"webhook\"\nsecret = \"m\"\nurl = \"https://m.example/\"\nevents = [\"sael\"]\n",
        "events = [\"sael\"]",
        "did you mean \"sale\"?",
    ),
    bad(
        "field-not-covered",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"webhook\"\nsecret = \"m\"\nurl = \"https://m.example/\"\nevents = [\"sale\"]\n",
        "events = [\"sale\"]",
        "[purpose.letter]",
    ),
    bad(
        "unknown-property",
        "country = \"IE\"\n",
        "country = \"IE\"\nkind = \"webhook\"\nsecret = \"m\"\nurl = \"https://m.example/\"\nproperties = [\"revenue\"]\n",
        "properties = ",
        "events",
    ),
];

/// The mistakes that depend on a whole file rather than on one line of it, and those of webhooks, mails, tables and
/// pages.
const ELSEWHERE: [&str; 31] = [
    "bad-host",
    "bad-mailbox",
    "mail-without-address",
    "mail-without-text",
    "bad-certificate",
    "bad-table",
    "column-twice",
    "confirm-link-missing",
    "bad-pages-address",
    "pages-source-not-own",
    "confirm-unfit",
    "webhook-missing",
    "webhook-unused",
    "bad-secret-name",
    "bad-header-name",
    "bad-tolerance",
    "consent-untimed",
    "grouped-and-webhook",
    "reasons-lost",
    "recipient-lost",
    "special-removed",
    "condition-swapped",
    "consent-widened",
    "too-many-purposes",
    "category-not-covered",
    "recipient-country-unstated",
    "basis-swapped",
    "purpose-removed",
    "notice-changed",
    "notice-removed",
    "currency-changed",
];

fn mistakes(text: &str) -> Vec<Mistake> {
    check(text).err().unwrap_or_default()
}

#[test]
fn the_good_policy_is_good() {
    let checked = check(GOOD).unwrap_or_else(|found| panic!("{}", found[0]));
    assert_eq!(checked.warnings, []);
}

#[test]
fn each_mistake_is_told_with_its_line_and_its_remedy() {
    let faults: Vec<String> = TABLE.iter().filter_map(fault).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// What is told wrongly of a mistake, when anything is.
fn fault(Bad { code, good, bad, line, remedy }: &Bad) -> Option<String> {
    let text = match *good {
        // The destination's country is the second of its kind, and last.
        "country = \"IE\"\n" => format!("{}{bad}", &GOOD[..GOOD.rfind(good)?]),
        _ => spoil(GOOD, good, bad),
    };
    let found = mistakes(&text);
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    let fault = match found.as_slice() {
        [only] if only.code != *code => "the code is another",
        [only] if only.line != line_of(&text, line) => "the line is another",
        [only] if !only.fix.contains(remedy) => "the fix doesn't hold the remedy",
        [only] if only.what.is_empty() || only.what.ends_with('.') => "the sentence is wrong",
        [only] if only.why.is_empty() => "no reason is given",
        [_] => return None,
        _ => "it must be the only mistake",
    };
    Some(format!("{code} for {bad:?} with {remedy:?}: {fault}\n{}", told.join("\n")))
}

#[test]
fn the_table_holds_every_code() {
    let tested: BTreeSet<&str> = TABLE.iter().map(|bad| bad.code).chain(ELSEWHERE).collect();
    let known: BTreeSet<&str> = CODES.iter().copied().collect();
    assert_eq!(tested, known);
    assert_eq!(known.len(), CODES.len(), "a code stands twice in CODES");
}

#[test]
fn ten_mistakes_are_told_at_once() {
    let edits = [
        ("unknown-country", "country = \"IE\"\ntimezone", "country = \"Eire\"\ntimezone"),
        ("unknown-timezone", "Europe/Dublin", "Europe/Cork"),
        ("empty-text", "\"May we write to you?\"", "\"\""),
        ("consent-without-notice", "notice = \"form\"\n", ""),
        ("unknown-basis", "\"contract\"", "\"contractual\""),
        ("law-missing", "law = \"Tax Act, s. 886\"\n", ""),
        ("assessment-missing", "assessment = \"LIA-1\"\n", ""),
        ("bad-date-format", "%d.%m.%Y", "%d.%m"),
        ("unknown-state", "no = \"refused\"", "no = \"declined\""),
        ("unknown-field", "[\"email\", \"first_name\"]", "[\"email\", \"shoe_size\"]"),
    ];
    let text = edits.iter().fold(GOOD.to_owned(), |text, (_, good, bad)| spoil(&text, good, bad));
    let found = mistakes(&text);
    let codes: Vec<&str> = found.iter().map(|mistake| mistake.code).collect();
    let expected: Vec<&str> = edits.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes, expected, "in the order of the file");
    let lines: Vec<u32> = found.iter().map(|mistake| mistake.line).collect();
    assert!(lines.is_sorted() && lines.iter().all(|line| *line > 0));
}

#[test]
fn more_purposes_than_bits_are_too_many() {
    let purposes = |count: usize| {
        let purpose = |n| {
            format!(
                "[purpose.p{n}]\nbasis = \"contract\"\ncategories = [\"order\"]\nretention = \"P1Y\"\n"
            )
        };
        format!("{GOOD}{}", (0..count).map(purpose).collect::<String>())
    };
    assert!(check(&purposes(56)).is_ok(), "4 + 56 purposes are possible");
    let text = purposes(57);
    let found = mistakes(&text);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].code, found[0].line),
        ("too-many-purposes", line_of(&text, "[purpose.p56]"))
    );
    assert!(found[0].fix.contains("put purposes together"));
}

#[test]
fn what_no_purpose_covers_is_a_warning() {
    let text = spoil(
        GOOD,
        "gender = { as = \"ignore\" }",
        "note = { as = \"attribute.note\", category = \"diet\" }",
    );
    let warnings = check(&text).expect("it is no mistake").warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].code, "category-not-covered");
    assert_eq!(warnings[0].path, "source.shop.fields.note");
    assert_eq!(warnings[0].line, line_of(&text, "note ="));
    assert!(warnings[0].fix.contains("as = \"ignore\""));
    let text = spoil(GOOD, "[\"sales\", \"books\", \"letter\"]", "[\"letter\"]");
    let warnings = check(&text).expect("it is no mistake").warnings;
    assert_eq!(warnings.len(), 1, "an event too");
    assert_eq!(warnings[0].path, "source.shop.event[1]");
    assert!(warnings[0].fix.contains("books, sales"), "who covers it is named");
}

#[test]
fn a_recipient_without_a_country_is_a_warning() {
    let text = format!("{}\n", GOOD.trim_end().trim_end_matches("country = \"IE\""));
    let warnings = check(&text).expect("it is no mistake").warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].code, "recipient-country-unstated");
    assert_eq!(warnings[0].line, line_of(&text, "[destination.mailer]"));
    assert!(warnings[0].fix.contains("country = "));
}

#[test]
fn a_recipient_abroad_with_safeguards_is_fine() {
    let last = GOOD.rfind("country = ").expect("the destination has a country");
    let text = format!("{}country = \"US\"\nsafeguards = \"SCC 2021/914\"\n", &GOOD[..last]);
    assert_eq!(check(&text).map(|checked| checked.warnings), Ok(Vec::new()));
}

#[test]
fn translations_and_gaps_count_up_as_well() {
    let version = |number: u32, language: &str| {
        format!(
            "[[notice.form.version]]\nversion = {number}\nlanguage = {language:?}\ntext = \"…\"\n"
        )
    };
    let with = |order: &[(u32, &str)]| {
        let versions: String = order.iter().map(|(n, language)| version(*n, language)).collect();
        mistakes(&spoil(GOOD, VERSIONS, &versions)).iter().map(|m| m.code).collect::<Vec<_>>()
    };
    assert!(with(&[(1, "en"), (2, "en"), (1, "fr"), (2, "fr")]).is_empty());
    assert!(with(&[(1, "en"), (1, "fr"), (4, "en")]).is_empty());
    assert_eq!(with(&[(2, "en"), (1, "en"), (1, "fr")]), ["notice-order"]);
    assert_eq!(with(&[(1, "en"), (2, "en"), (1, "en")]), ["notice-repeated"]);
}

#[test]
fn explicit_consent_follows_from_its_condition() {
    let text = spoil(
        GOOD,
        "categories = [\"contact\"]\nnotice",
        "special_condition = \"9(2)(a)\"\ncategories = [\"contact\", \"diet\"]\nnotice",
    );
    let policy = check(&text).expect("it has no mistakes").policy;
    assert!(policy.purposes["letter"].explicit);
    assert!(!policy.purposes["sales"].explicit);
}
