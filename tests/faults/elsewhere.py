"""Rows whose proof is a test of another part, which `make faults` runs, too; and rows that no single machine stages."""

LEDGER = "tests/ledger"
LIVE = "tests/system/test_live.py"
PATHS = "tests/system/test_paths.py"
SUPERVISOR = "tests/system/test_supervisor.py"
PROOFS: dict[int, tuple[str, ...]] = {
    3: ("tests/system/test_no_verdict.py::test_a_frozen_gate_is_given_up_and_voids_what_it_grants_too_late",),
    4: ("tests/commands/test_supervised.py::test_systemd_hears_that_calls_are_taken_and_of_the_reload_and_the_end",),
    6: ("tests/system/test_no_verdict.py::test_an_answer_that_is_no_verdict_grants_nothing",),
    7: ("tests/system/test_no_verdict.py::test_an_answer_that_is_no_verdict_grants_nothing",),
    8: ("tests/system/test_no_verdict.py::test_a_silent_gate_is_given_up_in_time",),
    9: (
        "tests/test_server.py::test_a_request_that_our_dialplan_does_not_make_gets_no_verdict",
        "tests/test_server.py::test_a_large_header_is_refused_while_it_is_still_being_sent",
        "tests/test_server.py::test_a_connection_that_brings_no_request_is_let_go_and_the_next_call_served",
    ),
    10: ("tests/test_server_crowd.py::test_who_sends_a_byte_at_a_time_keeps_no_call_waiting_and_is_let_go",),
    11: (
        "tests/test_door.py::test_the_last_files_are_kept_for_the_journal_and_the_ledger",
        "tests/test_door.py::test_when_calls_themselves_have_all_the_files_the_next_one_gets_no_verdict_at_once",
    ),
    14: (
        "tests/system/test_calls.py::test_a_policy_that_forbids_binds_the_very_next_call",
        f"{LIVE}::test_a_hundred_live_calls_end_within_two_seconds_of_the_command",
    ),
    15: (
        "tests/test_policies.py::test_a_policy_that_cannot_be_used_here_leaves_the_last_good_one_and_its_number",
        "tests/core/test_policy.py::test_a_mistake_in_one_field_names_that_field",
    ),
    16: (
        "tests/test_policies.py::test_a_damaged_last_good_policy_does_not_keep_the_gate_from_starting",
        "tests/core/test_policy.py::test_any_text_is_a_policy_or_a_list_of_mistakes",
    ),
    18: ("tests/test_policies.py::test_a_store_that_lost_a_revision_gets_it_back_and_nothing_is_undone",),
    27: (f"{LEDGER}/test_power_cut.py",),
    39: (f"{LEDGER}/test_failover.py::test_a_replica_that_was_behind_takes_over",),
    40: (f"{LEDGER}/test_failover.py::test_a_replica_that_was_empty_takes_over",),
    41: (
        f"{LEDGER}/test_failover.py::test_an_old_primary_still_answers_one_gate",
        f"{LEDGER}/test_cluster.py::test_a_primary_that_was_left_alone_soon_acknowledges_nothing",
    ),
    43: (
        f"{LEDGER}/test_cluster.py::test_a_clinic_that_moves_to_another_server_is_counted_once",
        f"{LEDGER}/test_cluster.py::test_all_keys_of_a_clinic_live_in_one_slot",
        f"{LEDGER}/test_cluster.py::test_a_dead_primary_stops_its_own_clinics_only_and_not_for_long",
    ),
    44: (f"{LEDGER}/test_client.py::test_a_password_file_is_read_at_each_connection",),
    45: (f"{LEDGER}/test_contract_clock.py::test_a_jump_of_the_wall_clock_moves_nothing",),
    46: (f"{LEDGER}/test_contract_clock.py::test_a_jump_of_the_wall_clock_moves_nothing",),
    47: (
        "tests/core/test_hours.py",
        "tests/core/test_closings.py",
        "tests/core/test_judge.py::test_the_departments_are_closed_on_holidays_leave_and_by_the_clock_on_the_wall",
        f"{LEDGER}/test_contract_clock.py::test_ledger_time_moves_by_proven_time_only",
    ),
    49: (f"{LEDGER}/test_redis.py::test_of_200_calls_at_once_exactly_as_many_are_held_as_the_money_pays",),
    50: (f"{LEDGER}/test_contract_settle.py::test_a_settlement_that_arrives_twice_counts_once",),
    51: (f"{LEDGER}/test_contract_settle.py::test_a_hold_whose_time_is_over_is_booked_in_full",),
    52: (
        f"{LEDGER}/test_contract_settle.py::test_a_late_refund_goes_where_the_money_was_booked",
        f"{LEDGER}/test_contract_settle.py::test_a_lapsed_call_still_reaches_its_true_price_within_the_hour",
    ),
    53: (
        f"{LEDGER}/test_contract_settle.py::test_a_void_laid_before_the_hold_is_laid_once",
        f"{LEDGER}/test_contract_settle.py::test_a_settlement_the_ledger_knows_nothing_of_books_nothing_and_bars_the_id",
    ),
    54: (f"{LEDGER}/test_contract_settle.py::test_a_late_increase_is_spent_when_it_becomes_known",),
    55: (
        "tests/system/test_live.py::test_after_a_kill_nothing_is_booked_below_the_carriers_log_and_at_most_a_slice_above",
    ),
    57: (
        f"{LIVE}::test_two_outside_parties_that_are_left_alone_are_cut_within_two_seconds",
        f"{LIVE}::test_where_both_are_listed_they_go_on_and_the_whole_call_counts_in_their_purses",
        f"{LIVE}::test_a_leg_in_one_conversation_with_an_emergency_call_has_no_limit_any_more_and_is_not_cut",
        "tests/system/test_switch.py::test_a_transferred_leg_keeps_its_grant_and_the_new_one_has_its_own",
        f"{PATHS}::test_a_leg_that_is_picked_up_parked_or_joined_keeps_its_one_grant_and_pays_for_all_of_it",
        f"{PATHS}::test_the_carriers_leg_says_whom_it_is_for_also_after_it_was_transferred",
    ),
    58: (
        "tests/system/test_calls.py::test_a_second_trunk_carries_the_call_when_the_first_cannot",
        "tests/system/test_calls.py::test_an_injected_string_is_refused_before_any_agi",
    ),
    59: (f"{LIVE}::test_without_redis_each_costly_call_is_warned_and_ends_within_its_slice_and_national_goes_on",),
    61: ("tests/system/test_calls.py::test_a_caller_who_gives_up_while_it_rings_pays_nothing",),
    62: (
        "tests/test_log_lines.py::test_of_a_flood_the_first_lines_are_written_and_the_others_counted",
        "tests/test_journal_flood.py::test_near_its_quota_a_journal_takes_refusals_alone_and_they_wait_for_nothing_that_is_owed",
    ),
    64: (
        "tests/test_log_lines.py::test_a_pipe_that_nobody_reads_holds_nothing_up_not_even_the_end",
        "tests/test_log_lines.py::test_lines_that_found_no_room_are_counted_and_said",
        "tests/test_log_lines.py::test_a_gate_whose_log_nobody_reads_serves_every_call",
    ),
    67: (f"{LEDGER}/test_failover.py::test_last_weeks_backup_is_put_back",),
    69: ("tests/test_server_faults.py",),
    70: ("tests/core/test_judge.py::test_a_costly_number_needs_a_known_rate_of_at_most_the_highest",),
    71: (f"{SUPERVISOR}::test_the_calls_of_a_worker_that_hangs_fall_to_the_contract_and_the_next_ones_are_decided",),
}
"""The node ids of pytest begin so."""

NOT_STAGED: dict[int, str] = {
    66: "the console and its sessions are not built yet",
    65: "the console is not built yet; it is another process than the gate",
}
