// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {State} from "../../../src/types/AgreementTypes.sol";
import {Scene} from "./Scene.sol";

/// @notice Where money goes: no caller names a receiver.
contract MoneySymbolic is Scene {
    function setUp() external {
        _open();
    }

    /// @notice Whoever moves whatever: the token is asked to pay the two parties and the fee receiver and nobody else.
    function check_onlyTheNamedAreEverPaid(address caller, uint40 time, uint256 which, Past memory past) external {
        vm.assume(which < MOVES && which != SUCCEED);
        _happened(past, time);
        _act(caller, _anyMove(which, _terms()));
        assert(!purse.strayed());
    }

    /// @notice A disputed agreement pays nobody until somebody ends the dispute: claims wait too.
    function check_aDisputeFreezesWhatIsLeft(address caller, uint40 time, uint256 which, Past memory past) external {
        vm.assume(which < RESOLVE || which == WITHDRAW);
        vm.assume(past.state == State.Disputed);
        _happened(past, time);
        _act(caller, _anyMove(which, _terms()));
        assert(purse.asked() == 0);
    }

    /// @notice Silence always ends: whoever calls, whatever is pending, and though the token refuses every payment.
    /// @dev Of goods that came in time: how many days they were late is a division, which solvers do not like.
    function check_nobodyHoldsUpTheEnd(address caller, uint40 time, bool refuses, Past memory past) external {
        uint256 before = past.word >> 229;
        vm.assume(past.state <= State.Disputed && (before == 0 || before > GRACE));
        uint256 move = REFUND;
        uint256 opens = LAST;
        if (past.state == State.Disputed) {
            (move, opens) = (TIMEOUT, past.disputedAt + WINDOW);
        } else if (past.state != State.Open) {
            vm.assume(before != 0);
            bool retained = past.state == State.Retained;
            (move, opens) = (retained ? RELEASE : FINALISE, LAST + 1 - before + (retained ? RETENTION_WINDOW : WINDOW));
        }
        vm.assume(time > opens);
        _happened(past, time);
        if (refuses) purse.refuse();
        assert(_act(caller, _anyMove(move, _terms())));
    }
}
