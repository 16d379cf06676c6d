// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Ledger} from "./core/Ledger.sol";
import {IAgreement} from "./interfaces/IAgreement.sol";
import {Milestones} from "./libraries/Milestones.sol";
import {Progress} from "./libraries/Progress.sol";
import {Authorisation, Evidence, Party, Reason, State, Terms} from "./types/AgreementTypes.sol";

/// @title The state machine that delivery and supply agreements share.
/// @dev Each move reads: who may, when, what happens. `docs/agreements.md` has a row for every one. No guard against
/// reentrance: a move stores everything before the token is called, and whatever it writes after that only adds.
abstract contract AgreementCore is Ledger {
    using Progress for uint256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @param factory_ The factory that will open clones of this implementation.
    /// @param feeReceiver_ Where fees go.
    constructor(address factory_, address feeReceiver_) Ledger(factory_, feeReceiver_) {}

    // ── the work ─────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IAgreement
    function claim(Terms calldata terms, uint256 milestone, Evidence[] calldata evidence) external {
        Move memory move = _enter(terms);
        // Check
        _requireState(move, State.Open);
        _requireNotAfter(_lastDelivery(terms));
        uint32 lane = _earnedLane(terms, milestone);
        if (move.word.isPaid(milestone) || move.word.isClaimed(milestone)) revert AlreadyClaimed(milestone);
        _checkEvidence(move.id, terms, milestone, lane, evidence);
        // Effect
        move.word = move.word.claim(milestone, block.timestamp, _lastDelivery(terms));
        emit Claimed(move.id, milestone, block.timestamp + terms.contestWindow, evidence[0].payloadHash);
        _leave(terms, move);
    }

    /// @inheritdoc IAgreement
    /// @dev Possible after the delivery too: a handover one second after a claim must not cut the payer's window.
    function contest(Terms calldata terms, uint256 milestone, Authorisation calldata consent) external {
        Move memory move = _enter(terms);
        // Check
        if (move.word.state() != State.Delivered) _requireState(move, State.Open);
        _authorise(move.id, terms.payer, CONTEST, bytes32(milestone), consent);
        _earnedLane(terms, milestone);
        if (!move.word.isPending(milestone)) revert NothingToContest(milestone);
        _requireNotAfter(move.word.claimedAt(milestone, _lastDelivery(terms)) + terms.contestWindow);
        // Effect
        move.word = move.word.refuse(milestone);
        emit Contested(move.id, milestone);
        _leave(terms, move);
    }

    /// @inheritdoc IAgreement
    function approve(Terms calldata terms, uint256 milestone, Authorisation calldata consent) external {
        Move memory move = _enter(terms);
        // Check
        _requireState(move, State.Open);
        _requireNotAfter(_lastDelivery(terms));
        _authorise(move.id, terms.payer, APPROVE, bytes32(milestone), consent);
        _earnedLane(terms, milestone);
        if (move.word.isPaid(milestone)) revert AlreadyClaimed(milestone);
        // Effect
        _release(terms, move, milestone, Reason.Approval);
        _leave(terms, move);
    }

    // ── the handover ─────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IAgreement
    function deliveredBySecret(Terms calldata terms, bytes32 secret) external {
        Move memory move = _enter(terms);
        // Check
        if (terms.handover == 0 || keccak256(bytes.concat(secret)) != terms.handover) revert WrongSecret();
        // Effect
        _deliver(terms, move);
        _leave(terms, move);
    }

    /// @inheritdoc IAgreement
    function deliveredByCarrier(Terms calldata terms, Authorisation calldata consent) external {
        Move memory move = _enter(terms);
        // Check
        _authorise(move.id, terms.carrier, DELIVERED, 0, consent);
        // Effect
        _deliver(terms, move);
        _leave(terms, move);
    }

    /// @inheritdoc IAgreement
    function accept(Terms calldata terms, Authorisation calldata consent) external {
        Move memory move = _enter(terms);
        // Check
        _requireState(move, State.Delivered);
        _authorise(move.id, terms.payer, ACCEPT, 0, consent);
        // Effect
        _settle(terms, move);
        _leave(terms, move);
    }

    /// @inheritdoc IAgreement
    function finalise(Terms calldata terms) external {
        Move memory move = _enter(terms);
        // Check
        _requireState(move, State.Delivered);
        _requireAfter(_deliveredAt(terms, move) + terms.acceptWindow);
        // Effect
        _settle(terms, move);
        _leave(terms, move);
    }

    /// @inheritdoc IAgreement
    function release(Terms calldata terms) external {
        Move memory move = _enter(terms);
        // Check
        _requireState(move, State.Retained);
        _requireAfter(_deliveredAt(terms, move) + terms.retentionWindow);
        // Effect
        (uint256 left, uint256 fees) = _remaining(terms, move.word);
        _end(terms, move, Reason.Retention, left, 0, fees, State.Settled);
        _leave(terms, move);
    }

    // ── the ways out ─────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IAgreement
    function refund(Terms calldata terms) external {
        Move memory move = _enter(terms);
        // Check
        _requireState(move, State.Open);
        _requireAfter(_lastDelivery(terms));
        // Effect
        _divideRest(terms, move, Reason.Refund, 0, State.Refunded);
        _leave(terms, move);
    }

    /// @inheritdoc IAgreement
    function revoke(Terms calldata terms, Authorisation calldata consent) external {
        Move memory move = _enter(terms);
        // Check
        _requireState(move, State.Open);
        _requireNotAfter(_lastDelivery(terms));
        _authorise(move.id, terms.payee, REVOKE, 0, consent);
        // Effect
        _divideRest(terms, move, Reason.Revocation, 0, State.Refunded);
        _leave(terms, move);
    }

    /// @inheritdoc IAgreement
    function cancel(Terms calldata terms, uint256 most, Authorisation calldata consent) external {
        Move memory move = _enter(terms);
        // Check
        _requireState(move, State.Open);
        _requireNotAfter(_lastDelivery(terms));
        _authorise(move.id, terms.payer, CANCEL, bytes32(most), consent);
        _requireCancellable(terms, move);
        // Effect
        _releaseClaims(terms, move, 0);
        _divideRest(terms, move, Reason.Cancellation, terms.cancelBps, State.Refunded);
        uint256 costs = terms.amount - move.toPayer;
        if (costs > most) revert CostsMore(costs, most);
        _leave(terms, move);
    }

    // ── disputes ─────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IAgreement
    function dispute(Terms calldata terms, Party party, Authorisation calldata consent) external {
        Move memory move = _enter(terms);
        // Check
        State from = move.word.state();
        _requireNotAfter(_lastDispute(terms, move));
        address by = party == Party.Payee && from == State.Open ? terms.payee : terms.payer;
        _authorise(move.id, by, DISPUTE, bytes32(uint256(from)), consent);
        // Effect
        _ask(terms, move, by, from);
        _become(move, State.Disputed);
        _leave(terms, move);
    }

    /// @inheritdoc IAgreement
    function resolve(Terms calldata terms, uint256 payeeBps, Authorisation calldata consent) external {
        Move memory move = _enter(terms);
        // Check
        _requireState(move, State.Disputed);
        uint256 disputedAt = _aside.disputedAt;
        _requireNotAfter(disputedAt + terms.arbiterWindow);
        _requireRate(payeeBps);
        _authorise(move.id, terms.arbiter, RESOLVE, bytes32(disputedAt << 16 | payeeBps), consent);
        // Effect
        _divideRest(terms, move, Reason.Resolution, payeeBps, State.Resolved);
        _leave(terms, move);
    }

    /// @inheritdoc IAgreement
    /// @dev Nothing delivered: all to the payer. Delivered: lateness first, then `timeoutBps` to the payee.
    function timeout(Terms calldata terms) external {
        Move memory move = _enter(terms);
        // Check
        _requireState(move, State.Disputed);
        _requireAfter(uint256(_aside.disputedAt) + terms.arbiterWindow);
        // Effect
        (uint256 left, uint256 fees) = _remaining(terms, move.word);
        State about = _aside.disputedIn;
        uint256 payeeBps = about == State.Open ? 0 : terms.timeoutBps;
        uint256 penalty = about == State.Delivered ? Math.min(_penalty(terms, _deliveredAt(terms, move)), left) : 0;
        uint256 gross = Milestones.part(left - penalty, payeeBps, terms.unit);
        _end(terms, move, Reason.Timeout, gross, left - gross, fees, State.Resolved);
        _leave(terms, move);
    }

    // ── both parties ─────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IAgreement
    function split(
        Terms calldata terms,
        uint256 payeeBps,
        Authorisation calldata payer,
        Authorisation calldata payee
    ) external {
        Move memory move = _enter(terms);
        // Check
        _requireLive(move);
        _requireRate(payeeBps);
        _authoriseSplit(move.id, terms.payer, payeeBps, payer);
        _authoriseSplit(move.id, terms.payee, payeeBps, payee);
        // Effect
        _divideRest(terms, move, Reason.Split, payeeBps, State.Resolved);
        _leave(terms, move);
    }

    /// @inheritdoc IAgreement
    function succeed(Terms calldata terms, bytes32 successor, address to, uint256 wanted)
        external
        returns (uint256 carried, uint256 selfAttested, State from)
    {
        // Check
        if (msg.sender != factory) revert OnlyFactory(msg.sender);
        Move memory move = _enter(terms);
        from = _requireLive(move);
        // Effect
        selfAttested = Milestones.selfAttested(terms.milestones, terms.amount, terms.unit, move.word.paid());
        (uint256 left, uint256 fees) = _remaining(terms, move.word);
        carried = Math.min(left, wanted);
        emit Replaced(move.id, successor, carried);
        _end(terms, move, Reason.Replacement, 0, left - carried, fees, State.Resolved);
        _leave(terms, move);
        // Interaction
        if (carried != 0) IERC20(terms.token).safeTransfer(to, carried);
    }

    /// @inheritdoc IAgreement
    function withdraw(Terms calldata terms, Party party) external returns (uint256 amount) {
        Move memory move = _enter(terms);
        // Effect
        amount = _takeDue(party);
        if (party == Party.Payee) {
            amount += move.toPayee;
            move.toPayee = 0;
        }
        // Check
        if (amount == 0) revert NothingDue(party);
        address to = party == Party.Payee ? terms.payee : party == Party.Payer ? terms.payer : feeReceiver;
        emit Withdrawn(move.id, party, to, amount);
        _leave(terms, move);
        // Interaction
        IERC20(terms.token).safeTransfer(to, amount);
    }

    // ── shared effects and checks ────────────────────────────────────────────────────────────────

    /// @dev In a dispute about undelivered goods the handover changes the question: the arbiter's time starts again.
    function _deliver(Terms calldata terms, Move memory move) private {
        uint256 last = _lastDelivery(terms);
        _requireNotAfter(last);
        bool disputed = move.word.state() == State.Disputed && _aside.disputedIn == State.Open;
        if (disputed) _requireNotAfter(uint256(_aside.disputedAt) + terms.arbiterWindow);
        else _requireState(move, State.Open);
        move.word = move.word.deliver(block.timestamp, last);
        emit Delivered(move.id, block.timestamp, _penalty(terms, block.timestamp));
        if (disputed) _ask(terms, move, address(0), State.Delivered);
        else _become(move, State.Delivered);
    }

    function _settle(Terms calldata terms, Move memory move) private {
        (uint256 left, uint256 fees) = _beforeAcceptance(terms, move.word);
        (uint256 penalty, uint256 earned, uint256 kept) = _acceptance(terms, move.word, left);
        if (kept == 0) {
            _end(terms, move, Reason.Acceptance, earned, penalty, fees, State.Settled);
        } else {
            _credit(terms, move, Reason.Acceptance, NO_MILESTONE, earned, penalty);
            _become(move, State.Retained);
        }
    }

    /// @dev Puts the question to the arbiter, whose time begins now.
    function _ask(Terms calldata terms, Move memory move, address by, State about) private {
        _aside.disputedAt = block.timestamp.toUint40();
        _aside.disputedIn = about;
        emit Disputed(move.id, by, about, block.timestamp + terms.arbiterWindow);
    }

    /// @dev The last second in which somebody may still dispute.
    function _lastDispute(Terms calldata terms, Move memory move) private pure returns (uint256) {
        State state = move.word.state();
        if (state == State.Open) return _lastDelivery(terms);
        if (state == State.Delivered) return _deliveredAt(terms, move) + terms.acceptWindow;
        if (state == State.Retained) return _deliveredAt(terms, move) + terms.retentionWindow;
        revert WrongState(state);
    }

    function _deliveredAt(Terms calldata terms, Move memory move) private pure returns (uint256) {
        return move.word.deliveredAt(_lastDelivery(terms));
    }

    function _requireState(Move memory move, State wanted) private pure {
        State state = move.word.state();
        if (state != wanted) revert WrongState(state);
    }

    function _requireLive(Move memory move) private pure returns (State state) {
        state = move.word.state();
        if (state > State.Disputed) revert WrongState(state);
    }

    function _requireCancellable(Terms calldata terms, Move memory move) private pure {
        uint8 until = terms.cancelUntil;
        bool earned = until >= Milestones.COUNT || (until == 0 && Milestones.hasAdvance(terms.milestones));
        if (earned || move.word.isPaid(until) || move.word.isClaimed(until)) revert NotCancellable(until);
    }

    function _requireRate(uint256 payeeBps) private pure {
        if (payeeBps > Milestones.FULL_BPS) revert RateTooHigh(payeeBps);
    }

    /// @dev A lane that evidence or the payer can release.
    function _earnedLane(Terms calldata terms, uint256 milestone) private pure returns (uint32 lane) {
        if (milestone >= Milestones.COUNT) revert WrongMilestone(milestone);
        lane = Milestones.lane(terms.milestones, milestone);
        if (lane == 0 || Milestones.isReserved(Milestones.eventCode(lane))) revert WrongMilestone(milestone);
    }
}
