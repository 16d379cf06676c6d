// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {State} from "../../../src/types/AgreementTypes.sol";
import {Scene} from "./Scene.sol";

/// @notice Clocks decide: no move comes before the second that opens it or after the one that closes it.
contract ClocksSymbolic is Scene {
    function setUp() external {
        _open();
    }

    /// @notice Nobody takes the rest back while the goods may still come.
    function check_noRefundWhileADeliveryIsPossible(address caller, uint40 time, Past memory past) external {
        vm.assume(time <= LAST);
        _happened(past, time);
        assert(!_act(caller, _anyMove(REFUND, _terms())));
    }

    /// @notice Nothing is claimed, approved, delivered, revoked or cancelled after the last second of a delivery.
    function check_theLastSecondOfADeliveryEndsItsMoves(address caller, uint40 time, uint256 which, Past memory past)
        external
    {
        vm.assume(time > LAST);
        bool early = which <= APPROVE && which != CONTEST || which == REVOKE || which == CANCEL;
        vm.assume(early || which == DELIVERED_BY_SECRET || which == DELIVERED_BY_CARRIER);
        _happened(past, time);
        assert(!_act(caller, _anyMove(which, _terms())));
    }

    /// @notice The arbiter has its whole window, and not a second more.
    function check_theArbitersWindowIsTheArbiters(address caller, uint40 time, Past memory past) external {
        bool inTime = time <= uint256(past.disputedAt) + WINDOW;
        _happened(past, time);
        assert(!_act(caller, _anyMove(inTime ? TIMEOUT : RESOLVE, _terms())));
    }

    /// @notice Silence accepts nothing, and the retention is not released, before the payer's window has passed.
    function check_thePayersWindowsAreThePayers(address caller, uint40 time, bool retained, Past memory past) external {
        uint256 before = past.word >> 229;
        vm.assume(before != 0 && time <= LAST + 1 - before + (retained ? RETENTION_WINDOW : WINDOW));
        _happened(past, time);
        assert(!_act(caller, _anyMove(retained ? RELEASE : FINALISE, _terms())));
    }

    /// @notice While the payer may contest a claim, only an approval or a cancellation pays it.
    function check_noClaimIsPaidWithinItsWindow(address caller, uint40 time, uint256 which, Past memory past) external {
        vm.assume(which < MOVES && which != APPROVE && which != CANCEL);
        uint256 lane = past.word & LANE;
        vm.assume(lane != 0 && past.word >> 216 & 1 == 0 && time <= LAST + 1 - lane + WINDOW);
        _happened(past, time);
        _act(caller, _anyMove(which, _terms()));
        assert(_word() >> 216 & 1 == 0);
    }

    /// @notice A claim that the payer refused is paid by no clock: only an approval does.
    function check_aRefusedClaimIsPaidByNoClock(address caller, uint40 time, uint256 which, Past memory past) external {
        vm.assume(which < MOVES && which != APPROVE);
        vm.assume(past.word & LANE == LANE && past.word >> 216 & 1 == 0);
        _happened(past, time);
        _act(caller, _anyMove(which, _terms()));
        assert(_word() >> 216 & 1 == 0);
    }
}
