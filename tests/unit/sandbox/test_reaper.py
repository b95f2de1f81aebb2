from sandbox.reaper import survivors


def test_groups_taken_back_are_not_killed() -> None:
    assert survivors([b"+10\n", b"+11\n", b"-10\n"]) == {11}


def test_a_group_announced_again_after_it_ended_is_killed() -> None:
    assert survivors([b"+10\n", b"-10\n", b"+10\n"]) == {10}


def test_taking_back_an_unknown_group_is_no_error() -> None:
    assert survivors([b"-10\n"]) == set()


def test_a_line_cut_off_by_a_kill_names_no_group() -> None:
    assert survivors([b"+10\n", b"+11"]) == {10}
