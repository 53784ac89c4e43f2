//! The ten promises of the store (`DESIGN.md`, Laws), one module for each, and the gate's table.
//!
//! Every test here goes red when its law is broken in the code.

mod common;

#[path = "laws/answers.rs"]
mod answers;
#[path = "laws/at_once.rs"]
mod at_once_nothing_is_overlooked;
#[path = "laws/changes.rs"]
mod changes_tell_who_may_be_known;
#[path = "laws/context.rs"]
mod context_tells_what_the_gate_lets_out;
#[path = "laws/desk.rs"]
mod desk_keeps_to_the_law;
#[path = "laws/events.rs"]
mod events_stay_as_first_said;
#[path = "laws/gate_table.rs"]
mod gate_table;
#[path = "laws/groups.rs"]
mod groups_stay_what_the_ledger_says;
#[path = "laws/holds.rs"]
mod holds_keep_and_serve_nothing;
#[path = "laws/joins.rs"]
mod joins_widen_nothing;
#[path = "laws/journal.rs"]
mod journal_is_the_keys_own_word;
#[path = "laws/law_10.rs"]
mod law_10_time_is_stated;
#[path = "laws/law_1.rs"]
mod law_1_no_reason_no_data;
#[path = "laws/law_2.rs"]
mod law_2_every_byte_has_a_reason;
#[path = "laws/law_3.rs"]
mod law_3_nothing_leaves_without_a_reason;
#[path = "laws/law_4.rs"]
mod law_4_history_is_never_rewritten;
#[path = "laws/law_5.rs"]
mod law_5_history_names_nobody;
#[path = "laws/law_6.rs"]
mod law_6_erased_means_gone;
#[path = "laws/law_7.rs"]
mod law_7_anyone_can_check;
#[path = "laws/law_9.rs"]
mod law_9_the_most_protective_wins;
#[path = "laws/notices.rs"]
mod notices_are_demonstrable;
#[path = "laws/outbound.rs"]
mod outbound_is_told_and_not_too_often;
#[path = "laws/receipts.rs"]
mod receipts_say_what_stands;
#[path = "laws/resumed.rs"]
mod resumed_counts_each_row_once;
#[path = "laws/retention.rs"]
mod retention_at_the_gate;
#[path = "laws/shared.rs"]
mod shared_addresses_reach_nobody_who_said_no;
#[path = "laws/sheets.rs"]
mod sheets_damage_is_no_value;
#[path = "laws/split.rs"]
mod split_restores_what_was;
#[path = "laws/spoken.rs"]
mod spoken_badly_reaches_nobody;
