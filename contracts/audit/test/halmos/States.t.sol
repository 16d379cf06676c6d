// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAgreement} from "../../../src/interfaces/IAgreement.sol";
import {Party, State, Terms} from "../../../src/types/AgreementTypes.sol";
import {Scene} from "./Scene.sol";

/// @notice From which state to which, whatever has happened and whoever asks for whatever move.
contract StatesSymbolic is Scene {
    function setUp() external {
        _open();
    }

    /// @notice Terms whose digest is another than the clone's move nothing, by whichever move.
    function check_otherTermsMoveNothing(address caller, uint256 which, Terms memory terms) external {
        vm.assume(which < MOVES);
        vm.assume(this.idOf(terms) != id);
        assert(!_act(caller, _anyMove(which, terms)));
    }

    /// @notice After its end an agreement does nothing but push what it owes.
    function check_anEndedAgreementOnlyPaysDues(address caller, uint40 time, uint256 which, Past memory past) external {
        vm.assume(which < MOVES && which != WITHDRAW && past.state > State.Disputed);
        _happened(past, time);
        assert(!_act(caller, _anyMove(which, _terms())));
    }

    /// @notice Claiming, contesting and approving leave the state alone and undo nothing.
    function check_claimsKeepToTheTable(address caller, uint40 time, uint256 which, Past memory past) external {
        vm.assume(which <= APPROVE);
        _keepsToTheTable(caller, time, which, past);
    }

    /// @notice A handover delivers, or changes the question of a dispute.
    function check_deliveriesKeepToTheTable(address caller, uint40 time, uint256 which, Past memory past) external {
        vm.assume(which == DELIVERED_BY_SECRET || which == DELIVERED_BY_CARRIER);
        _keepsToTheTable(caller, time, which, past);
    }

    /// @notice What was delivered is accepted once.
    function check_acceptanceKeepsToTheTable(address caller, uint40 time, Past memory past) external {
        _keepsToTheTable(caller, time, ACCEPT, past);
    }

    /// @notice Silence accepts once what was delivered, and releases the retention once.
    function check_silenceKeepsToTheTable(address caller, uint40 time, uint256 which, Past memory past) external {
        vm.assume(which == FINALISE || which == RELEASE);
        _keepsToTheTable(caller, time, which, past);
    }

    /// @notice Refund, revocation and cancellation end an agreement that waits for its delivery, and no other.
    function check_waysOutKeepToTheTable(address caller, uint40 time, uint256 which, Past memory past) external {
        vm.assume(which == REFUND || which == REVOKE || which == CANCEL);
        _keepsToTheTable(caller, time, which, past);
    }

    /// @notice A dispute is opened once, and ended by its arbiter or by the arbiter's silence.
    function check_disputesKeepToTheTable(address caller, uint40 time, uint256 which, Past memory past) external {
        vm.assume(which == DISPUTE || which == RESOLVE || which == TIMEOUT);
        _keepsToTheTable(caller, time, which, past);
    }

    /// @notice A split ends what is live.
    function check_splitsKeepToTheTable(address caller, uint40 time, Past memory past) external {
        _keepsToTheTable(caller, time, SPLIT, past);
    }

    /// @notice A successor ends what is live; a withdrawal leads nowhere.
    function check_successionKeepsToTheTable(address caller, uint40 time, uint256 which, Past memory past) external {
        vm.assume(which == SUCCEED || which == WITHDRAW);
        _keepsToTheTable(caller, time, which, past);
    }

    /// @notice A milestone that is paid is neither claimed nor approved again.
    function check_aMilestoneIsPaidOnce(address caller, uint40 time, bool claims, Past memory past) external {
        vm.assume(past.word >> 216 & 1 == 1);
        _happened(past, time);
        Terms memory t = _terms();
        bytes memory claim = abi.encodeCall(IAgreement.claim, (t, 0, _anyEvidence()));
        bytes memory approval = _moveOfOne(APPROVE, t, 0, Party.Payer, _anyConsent());
        assert(!_act(caller, claims ? claim : approval));
    }

    /// @dev The move leads along its row; no claim, payment, refusal or handover is taken out of the word.
    function _keepsToTheTable(address caller, uint40 time, uint256 which, Past memory past) private {
        which = _known(which);
        uint256 before = _happened(past, time) & ~STATE_BITS;
        if (!_act(caller, _anyMove(which, _terms()))) return;
        assert(_row(which) & _edge(past.state, _state()) != 0);
        assert(before & ~_word() == 0);
    }

    /// @dev Where a move may lead, as a set of edges.
    function _row(uint256 which) private pure returns (uint256) {
        uint256 stays = _edge(State.Open, State.Open);
        if (which == CLAIM || which == APPROVE) return stays;
        if (which == CONTEST) return stays | _edge(State.Delivered, State.Delivered);
        if (which == DELIVERED_BY_SECRET || which == DELIVERED_BY_CARRIER) {
            return _edge(State.Open, State.Delivered) | _edge(State.Disputed, State.Disputed);
        }
        if (which == ACCEPT || which == FINALISE) {
            return _edge(State.Delivered, State.Retained) | _edge(State.Delivered, State.Settled);
        }
        if (which == RELEASE) return _edge(State.Retained, State.Settled);
        if (which == REFUND || which == REVOKE || which == CANCEL) return _edge(State.Open, State.Refunded);
        if (which == DISPUTE) return _fromLive(State.Disputed) & ~_edge(State.Disputed, State.Disputed);
        if (which == RESOLVE || which == TIMEOUT) return _edge(State.Disputed, State.Resolved);
        if (which == SPLIT || which == SUCCEED) return _fromLive(State.Resolved);
        // A withdrawal leads nowhere.
        for (uint256 i = 0; i < 7; ++i) {
            stays |= _edge(State(i), State(i));
        }
        return stays;
    }

    function _fromLive(State to) private pure returns (uint256 edges) {
        for (uint256 i = 0; i < 4; ++i) {
            edges |= _edge(State(i), to);
        }
    }

    function _edge(State from, State to) private pure returns (uint256) {
        return 1 << (7 * uint256(from) + uint256(to));
    }
}
