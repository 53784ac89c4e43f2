//! The words of people's pages, in the languages that they are in.

use crate::consent::stands::Stands;
use crate::policy::mail::pick;

/// The words of one language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// BCP 47.
    pub tag: &'static str,
    /// What stands between a thing and what it is, and between two that belong together.
    pub colon: &'static str,
    pub comma: &'static str,
    /// What the language calls itself.
    pub name: &'static str,
    pub skip: &'static str,
    pub languages: &'static str,
    /// Titles of the pages: they stand in the browser's history, and name nobody.
    pub confirm_title: &'static str,
    pub unsubscribe_title: &'static str,
    pub preferences_title: &'static str,
    pub gone_title: &'static str,
    pub gone: &'static str,
    pub contact: &'static str,
    pub confirm_lead: &'static str,
    pub confirm_yes: &'static str,
    pub confirm_no: &'static str,
    pub confirmed: &'static str,
    pub unsubscribe_lead: &'static str,
    pub unsubscribe_yes: &'static str,
    pub unsubscribed: &'static str,
    pub by: &'static str,
    pub lead: &'static str,
    pub restricted: &'static str,
    pub consents: &'static str,
    pub consents_lead: &'static str,
    pub stands_now: &'static str,
    pub since: &'static str,
    pub seen: &'static str,
    pub offered: &'static str,
    pub not_offered: &'static str,
    pub yes: &'static str,
    pub no: &'static str,
    pub uses: &'static str,
    pub uses_lead: &'static str,
    pub use_yes: &'static str,
    pub use_no: &'static str,
    pub channels: &'static str,
    pub channel_yes: &'static str,
    pub channel_no: &'static str,
    pub every: &'static str,
    pub every_any: &'static str,
    pub every_days: &'static str,
    pub save: &'static str,
    pub no_to_all: &'static str,
    pub no_to_all_lead: &'static str,
    pub no_to_all_but: &'static str,
    pub saved: &'static str,
    pub unchanged: &'static str,
    pub outdated: &'static str,
    pub waits: &'static str,
    pub unasked: &'static str,
    pub rights: &'static str,
    pub rights_lead: &'static str,
    pub access: &'static str,
    pub portability: &'static str,
    pub erasure: &'static str,
    pub asked: &'static str,
    pub until: &'static str,
    pub complain: &'static str,
    pub reload: &'static str,
    given: &'static str,
    not_given: &'static str,
    requested: &'static str,
    refused: &'static str,
    withdrawn: &'static str,
    expired: &'static str,
    renewal: &'static str,
}

impl Words {
    /// What a consent amounts to, said to the person.
    pub(super) fn stands(&self, stands: Stands) -> &'static str {
        match stands {
            Stands::Given => self.given,
            Stands::Unknown => self.not_given,
            Stands::Requested | Stands::Unconfirmed => self.requested,
            Stands::Refused => self.refused,
            Stands::Withdrawn => self.withdrawn,
            Stands::Expired => self.expired,
            Stands::RenewalDue | Stands::NotExplicit | Stands::Invalidated => self.renewal,
        }
    }
}

/// The languages, the first for whoever reads none of them.
pub(super) const ALL: [Words; 4] = [EN, DE, FR, ZH];

/// The words for a page: in the language that was chosen on it, else in the one that the browser reads best.
pub(super) fn choose(chosen: Option<&str>, accepts: &str) -> &'static Words {
    let tags = ALL.map(|words| words.tag);
    let wanted: Vec<&str> = chosen.into_iter().chain(accepted(accepts)).collect();
    &ALL[pick(&tags, &wanted).unwrap_or(0)]
}

/// The languages of an `Accept-Language`, the most wanted first (RFC 9110, section 12.5.4).
pub(super) fn accepted(header: &str) -> Vec<&str> {
    let mut tags: Vec<(u32, &str)> = header
        .split(',')
        .take(32)
        .filter_map(|part| {
            let (tag, quality) = part.split_once(";q=").unwrap_or((part, "1"));
            let quality = (quality.trim().parse::<f32>().ok()? * 1000.0) as u32;
            let tag = tag.trim();
            (quality > 0 && !tag.is_empty() && tag != "*").then_some((quality, tag))
        })
        .collect();
    tags.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
    tags.into_iter().map(|(_, tag)| tag).collect()
}

const EN: Words = Words {
    tag: "en",
    colon: ": ",
    comma: ", ",
    name: "English",
    skip: "Skip to the content",
    languages: "Languages",
    confirm_title: "Please confirm",
    unsubscribe_title: "Unsubscribe",
    preferences_title: "Your choices",
    gone_title: "This link says nothing any more",
    gone: "It has ended, was used, or isn't whole. If it came in a mail, look for a newer one, or write to us.",
    contact: "Contact",
    confirm_lead: "Somebody asked for this with your address. If that was you, confirm it; if not, do \
                   nothing: without your yes nothing happens.",
    confirm_yes: "Yes, I consent",
    confirm_no: "You can take it back at any time, as easily as you give it.",
    confirmed: "Thank you. You have consented. You can take it back at any time.",
    unsubscribe_lead: "You will get nothing more for this:",
    unsubscribe_yes: "Unsubscribe",
    unsubscribed: "Done. You will get nothing more for this.",
    by: "by",
    lead: "Here you see what you allowed, and change it. Nothing here is a condition for anything else.",
    restricted: "The use of your data is restricted: it is stored, and nothing else is done with it.",
    consents: "What you consent to",
    consents_lead: "Each is your choice alone. A no counts at once.",
    stands_now: "Now",
    since: "since",
    seen: "The text that you were shown then",
    offered: "The text that a yes is given to",
    not_offered: "A yes can't be given on this page.",
    yes: "Yes, I consent",
    no: "No",
    uses: "What we do without asking, and you can object to",
    uses_lead: "It rests on an interest of ours. You can object at any time; to advertising without any reason.",
    use_yes: "I don't object",
    use_no: "I object",
    channels: "How we may reach you",
    channel_yes: "You may",
    channel_no: "Please don't",
    every: "How often",
    every_any: "As often as I allowed above",
    every_days: "At most once in so many days:",
    save: "Save my choices",
    no_to_all: "No to all",
    no_to_all_lead: "Takes back every consent and objects to every use that can be objected to, at once.",
    no_to_all_but: "When you sign up again yourself, we still ask you by mail whether it was you.",
    saved: "Your choices are saved, and count from now on.",
    unchanged: "Nothing was changed.",
    outdated: "A text has changed meanwhile. Please read it, and choose again where you want to say yes.",
    waits: "A mail with a link by which you confirm your yes is on its way to you. It counts from then on.",
    unasked: "Your yes counts once it is confirmed, and we can't mail you a link for that now. Please write to us.",
    rights: "What you can ask for",
    rights_lead: "We answer within a month. We may ask who you are first, so that nobody else gets your data.",
    access: "Send me what you hold about me",
    portability: "Send me my data in a form for machines",
    erasure: "Erase my data",
    asked: "Asked for on",
    until: "answer due by",
    complain: "You can also complain to the authority",
    reload: "Open the link again to choose anew.",
    given: "you consented",
    not_given: "you were not asked, so it isn't done",
    requested: "waits for your confirmation",
    refused: "you said no",
    withdrawn: "you took it back",
    expired: "your consent ran out",
    renewal: "has to be asked again",
};

const DE: Words = Words {
    tag: "de",
    colon: ": ",
    comma: ", ",
    name: "Deutsch",
    skip: "Zum Inhalt springen",
    languages: "Sprachen",
    confirm_title: "Bitte bestätigen",
    unsubscribe_title: "Abmelden",
    preferences_title: "Ihre Einstellungen",
    gone_title: "Dieser Link gilt nicht mehr",
    gone: "Er ist abgelaufen, wurde schon benutzt oder ist unvollständig. Kam er mit einer E-Mail, suchen Sie \
           eine neuere, oder schreiben Sie uns.",
    contact: "Kontakt",
    confirm_lead: "Jemand hat dies mit Ihrer Adresse angefordert. Waren Sie das, so bestätigen Sie es; wenn \
                   nicht, tun Sie nichts: ohne Ihr Ja geschieht nichts.",
    confirm_yes: "Ja, ich willige ein",
    confirm_no: "Sie können die Einwilligung jederzeit so leicht widerrufen, wie Sie sie geben.",
    confirmed: "Danke. Sie haben eingewilligt. Sie können das jederzeit widerrufen.",
    unsubscribe_lead: "Hierfür erhalten Sie nichts mehr:",
    unsubscribe_yes: "Abmelden",
    unsubscribed: "Erledigt. Sie erhalten hierfür nichts mehr.",
    by: "per",
    lead: "Hier sehen und ändern Sie, was Sie erlaubt haben. Nichts davon ist Bedingung für etwas anderes.",
    restricted: "Die Verarbeitung Ihrer Daten ist eingeschränkt: Sie werden gespeichert und sonst nicht verwendet.",
    consents: "Worin Sie einwilligen",
    consents_lead: "Jede Einwilligung ist allein Ihre Wahl. Ein Nein gilt sofort.",
    stands_now: "Jetzt",
    since: "seit",
    seen: "Der Text, der Ihnen damals gezeigt wurde",
    offered: "Der Text, zu dem Sie Ja sagen",
    not_offered: "Auf dieser Seite kann nicht eingewilligt werden.",
    yes: "Ja, ich willige ein",
    no: "Nein",
    uses: "Was wir ohne Einwilligung tun, und wogegen Sie Widerspruch einlegen können",
    uses_lead: "Es beruht auf einem Interesse von uns. Sie können jederzeit widersprechen; gegen Werbung ohne \
                jeden Grund.",
    use_yes: "Ich widerspreche nicht",
    use_no: "Ich widerspreche",
    channels: "Wie wir Sie erreichen dürfen",
    channel_yes: "Ja",
    channel_no: "Bitte nicht",
    every: "Wie oft",
    every_any: "So oft, wie ich es oben erlaubt habe",
    every_days: "Höchstens einmal in so vielen Tagen:",
    save: "Meine Wahl speichern",
    no_to_all: "Nein zu allem",
    no_to_all_lead: "Widerruft sofort jede Einwilligung und widerspricht jeder Verwendung, gegen die das geht.",
    no_to_all_but: "Melden Sie sich selbst wieder an, fragen wir trotzdem per E-Mail, ob Sie es waren.",
    saved: "Ihre Wahl ist gespeichert und gilt ab jetzt.",
    unchanged: "Es wurde nichts geändert.",
    outdated: "Ein Text hat sich inzwischen geändert. Bitte lesen Sie ihn, und wählen Sie neu, wo Sie Ja sagen \
               möchten.",
    waits: "Eine E-Mail mit einem Link, mit dem Sie Ihr Ja bestätigen, ist unterwegs. Von da an gilt es.",
    unasked: "Ihr Ja gilt, sobald es bestätigt ist, und wir können Ihnen dafür jetzt keinen Link schicken. Bitte \
              schreiben Sie uns.",
    rights: "Was Sie verlangen können",
    rights_lead: "Wir antworten innerhalb eines Monats. Vorher fragen wir vielleicht, wer Sie sind, damit niemand \
                  anderes Ihre Daten bekommt.",
    access: "Senden Sie mir, was Sie über mich gespeichert haben",
    portability: "Senden Sie mir meine Daten in maschinenlesbarer Form",
    erasure: "Löschen Sie meine Daten",
    asked: "Verlangt am",
    until: "Antwort bis",
    complain: "Sie können sich auch bei der Aufsichtsbehörde beschweren",
    reload: "Öffnen Sie den Link erneut, um neu zu wählen.",
    given: "Sie haben eingewilligt",
    not_given: "Sie wurden nicht gefragt, also geschieht es nicht",
    requested: "wartet auf Ihre Bestätigung",
    refused: "Sie haben Nein gesagt",
    withdrawn: "Sie haben widerrufen",
    expired: "Ihre Einwilligung ist abgelaufen",
    renewal: "muss neu gefragt werden",
};

const FR: Words = Words {
    tag: "fr",
    colon: "\u{a0}: ",
    comma: ", ",
    name: "Français",
    skip: "Aller au contenu",
    languages: "Langues",
    confirm_title: "Veuillez confirmer",
    unsubscribe_title: "Se désabonner",
    preferences_title: "Vos choix",
    gone_title: "Ce lien n’est plus valable",
    gone: "Il a expiré, a déjà servi ou est incomplet. S’il figurait dans un courriel, cherchez-en un plus récent, \
           ou écrivez-nous.",
    contact: "Contact",
    confirm_lead: "Quelqu’un a demandé ceci avec votre adresse. Si c’était vous, confirmez\u{a0}; sinon, ne faites rien\u{a0}: \
                   sans votre oui, rien ne se passe.",
    confirm_yes: "Oui, je consens",
    confirm_no: "Vous pouvez retirer votre consentement à tout moment, aussi simplement que vous le donnez.",
    confirmed: "Merci. Vous avez consenti. Vous pouvez retirer votre consentement à tout moment.",
    unsubscribe_lead: "Vous ne recevrez plus rien pour ceci\u{a0}:",
    unsubscribe_yes: "Se désabonner",
    unsubscribed: "C’est fait. Vous ne recevrez plus rien pour ceci.",
    by: "par",
    lead: "Vous voyez ici ce que vous avez permis, et pouvez le changer. Rien ici n’est une condition pour autre \
           chose.",
    restricted: "Le traitement de vos données est limité\u{a0}: elles sont conservées, et rien d’autre n’en est fait.",
    consents: "Ce à quoi vous consentez",
    consents_lead: "Chaque choix n’appartient qu’à vous. Un non compte aussitôt.",
    stands_now: "À présent",
    since: "depuis le",
    seen: "Le texte qui vous a été montré alors",
    offered: "Le texte auquel vous dites oui",
    not_offered: "On ne peut pas consentir sur cette page.",
    yes: "Oui, je consens",
    no: "Non",
    uses: "Ce que nous faisons sans consentement, et à quoi vous pouvez vous opposer",
    uses_lead: "Cela repose sur un intérêt de notre part. Vous pouvez vous y opposer à tout moment\u{a0}; à la publicité, \
                sans aucune raison.",
    use_yes: "Je ne m’oppose pas",
    use_no: "Je m’oppose",
    channels: "Comment nous pouvons vous joindre",
    channel_yes: "Vous pouvez",
    channel_no: "S’il vous plaît, non",
    every: "À quelle fréquence",
    every_any: "Aussi souvent que je l’ai permis ci-dessus",
    every_days: "Au plus une fois en tant de jours\u{a0}:",
    save: "Enregistrer mes choix",
    no_to_all: "Non à tout",
    no_to_all_lead: "Retire aussitôt chaque consentement et s’oppose à chaque usage auquel on peut s’opposer.",
    no_to_all_but: "Si vous vous réinscrivez vous-même, un courriel vous demandera si c’était bien vous.",
    saved: "Vos choix sont enregistrés et comptent dès maintenant.",
    unchanged: "Rien n’a été changé.",
    outdated: "Un texte a changé entre-temps. Veuillez le lire, et choisir à nouveau là où vous voulez dire oui.",
    waits: "Un courriel avec un lien pour confirmer votre oui est en route. Il compte à partir de là.",
    unasked: "Votre oui comptera une fois confirmé, et nous ne pouvons pas vous envoyer de lien maintenant. \
              Veuillez nous écrire.",
    rights: "Ce que vous pouvez demander",
    rights_lead: "Nous répondons sous un mois. Nous vous demanderons peut-être d’abord qui vous êtes, afin que personne \
                  d’autre ne reçoive vos données.",
    access: "Envoyez-moi ce que vous détenez sur moi",
    portability: "Envoyez-moi mes données sous une forme lisible par machine",
    erasure: "Effacez mes données",
    asked: "Demandé le",
    until: "réponse avant le",
    complain: "Vous pouvez aussi adresser une réclamation à l’autorité",
    reload: "Ouvrez à nouveau le lien pour choisir.",
    given: "vous avez consenti",
    not_given: "on ne vous l’a pas demandé, donc cela ne se fait pas",
    requested: "attend votre confirmation",
    refused: "vous avez dit non",
    withdrawn: "vous avez retiré votre consentement",
    expired: "votre consentement a expiré",
    renewal: "doit être demandé à nouveau",
};

const ZH: Words = Words {
    tag: "zh",
    colon: "：",
    comma: "，",
    name: "中文",
    skip: "跳到正文",
    languages: "语言",
    confirm_title: "请确认",
    unsubscribe_title: "退订",
    preferences_title: "您的选择",
    gone_title: "此链接已失效",
    gone: "链接已过期、已被使用或不完整。如果它来自邮件，请查找更新的邮件，或与我们联系。",
    contact: "联系方式",
    confirm_lead: "有人用您的地址提出了这项请求。如果是您本人，请确认；如果不是，无需任何操作：没有您的同意，什么都不会发生。",
    confirm_yes: "是，我同意",
    confirm_no: "您可以随时撤回同意，与给予同意一样方便。",
    confirmed: "谢谢。您已同意。您可以随时撤回。",
    unsubscribe_lead: "您将不再因此收到任何内容：",
    unsubscribe_yes: "退订",
    unsubscribed: "已完成。您将不再因此收到任何内容。",
    by: "方式：",
    lead: "在这里您可以查看并更改您所允许的事项。这里的任何一项都不是其他事项的条件。",
    restricted: "您的数据处理已受限制：仅作存储，不作他用。",
    consents: "您所同意的事项",
    consents_lead: "每一项都由您自己选择。拒绝立即生效。",
    stands_now: "当前",
    since: "自",
    seen: "当时向您展示的文本",
    offered: "您将同意的文本",
    not_offered: "不能在此页面给予同意。",
    yes: "是，我同意",
    no: "否",
    uses: "无需同意、但您可以反对的处理",
    uses_lead: "这些处理基于我们的利益。您可以随时反对；反对广告无需任何理由。",
    use_yes: "我不反对",
    use_no: "我反对",
    channels: "我们可以如何联系您",
    channel_yes: "可以",
    channel_no: "请不要",
    every: "频率",
    every_any: "按我在上面允许的频率",
    every_days: "在以下天数内最多一次：",
    save: "保存我的选择",
    no_to_all: "全部拒绝",
    no_to_all_lead: "立即撤回所有同意，并反对所有可以反对的处理。",
    no_to_all_but: "如果您日后自行重新登记，我们仍会通过邮件请您确认。",
    saved: "您的选择已保存，即刻生效。",
    unchanged: "没有任何更改。",
    outdated: "有文本在此期间已更改。请阅读，并在您想同意的地方重新选择。",
    waits: "确认邮件正在发送给您。点击其中的链接确认之后，您的同意才生效。",
    unasked: "您的同意须经确认后才生效，而我们现在无法向您发送确认链接。请与我们联系。",
    rights: "您可以要求的事项",
    rights_lead: "我们会在一个月内答复。我们可能会先核实您的身份，以免他人得到您的数据。",
    access: "请告知你们持有的我的数据",
    portability: "请以机器可读的格式提供我的数据",
    erasure: "请删除我的数据",
    asked: "请求日期",
    until: "答复期限",
    complain: "您也可以向监管机构投诉",
    reload: "请重新打开链接以再次选择。",
    given: "您已同意",
    not_given: "未曾询问您，因此不会进行",
    requested: "等待您的确认",
    refused: "您已拒绝",
    withdrawn: "您已撤回",
    expired: "您的同意已过期",
    renewal: "需要重新征求同意",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_chosen_one_then_the_best_that_is_read() {
        for (chosen, accepts, tag) in [
            (None, "", "en"),
            (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
            (None, "ja, zh-Hant;q=0.5, fr;q=0.4", "zh"),
            (None, "en;q=0.1, fr;q=0.9", "fr"),
            (None, "de;q=0, en", "en"),
            (Some("fr"), "de", "fr"),
            (Some("xx"), "de", "de"),
            (None, "*, ;q=, de;q=nonsense", "en"),
        ] {
            assert_eq!(choose(chosen, accepts).tag, tag, "{chosen:?} {accepts:?}");
        }
    }

    #[test]
    fn no_word_is_missing_in_any_language() {
        for words in ALL {
            let debug = format!("{words:?}");
            assert!(!debug.contains("\"\""), "{}", words.tag);
            assert!(!debug.contains("  "), "{}", words.tag);
        }
    }
}
