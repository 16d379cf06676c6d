// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IAgreement} from "../interfaces/IAgreement.sol";
import {Milestones} from "../libraries/Milestones.sol";
import {Progress} from "../libraries/Progress.sol";
import {TermsHash} from "../libraries/TermsHash.sol";
import {Aside, Books, Party, Reason, State, Terms} from "../types/AgreementTypes.sol";
import {Consent} from "./Consent.sol";

/// @title The books of an agreement: what is left, what is credited to whom, and how it gets there.
/// @dev Stored is what happened, one word of it; every amount follows from that and the terms. A move loads the word
/// (`_enter`), changes it, stores it and only then pays (`_leave`).
abstract contract Ledger is Consent {
    using Progress for uint256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @dev What one move works on: the word as found and as it becomes, and what the move pays to whom.
    struct Move {
        bytes32 id;
        uint256 found;
        uint256 word;
        uint256 toPayee;
        uint256 toPayer;
        uint256 toFee;
    }

    /// @dev `milestone` of a `Credited` event that concerns no single milestone.
    uint256 internal constant NO_MILESTONE = 255;
    /// @dev Where a clone keeps its only immutable argument: behind the 45 bytes of EIP-1167.
    uint256 private constant ID_OFFSET = 45;

    /// @inheritdoc IAgreement
    address public immutable feeReceiver;

    /// @dev See `Progress`.
    uint256 private _progress;
    Aside internal _aside;

    constructor(address factory_, address feeReceiver_) Consent(factory_) {
        feeReceiver = feeReceiver_;
    }

    // ── views ────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IAgreement
    function id() public view returns (bytes32 id_) {
        assembly ("memory-safe") {
            extcodecopy(address(), 0, ID_OFFSET, 0x20)
            id_ := mload(0)
        }
    }

    /// @inheritdoc IAgreement
    function books(Terms calldata terms) external view returns (Books memory books_) {
        uint256 word = _word(terms);
        Aside memory aside = _aside;
        (uint256 left, uint256 fees) = _remaining(terms, word);
        books_.state = word.state();
        books_.released = uint8(word.paid()) | (Milestones.hasAdvance(terms.milestones) ? 1 : 0);
        books_.deliveredAt = word.deliveredAt(_lastDelivery(terms)).toUint40();
        books_.left = left.toUint96();
        books_.feeDue = fees.toUint96() + aside.feeDue;
        books_.payeeDue = aside.payeeDue;
        books_.payerDue = aside.payerDue;
        books_.disputedAt = aside.disputedAt;
        books_.disputedIn = aside.disputedIn;
    }

    /// @inheritdoc IAgreement
    function claimedAt(Terms calldata terms) external view returns (uint32[8] memory times) {
        uint256 word = _word(terms);
        for (uint256 i = 0; i < Milestones.COUNT; ++i) {
            if (word.isRefused(i)) times[i] = type(uint32).max;
            else if (word.isClaimed(i)) times[i] = word.claimedAt(i, _lastDelivery(terms)).toUint32();
        }
    }

    /// @inheritdoc IAgreement
    function stateOf(Terms calldata terms) external view returns (State) {
        return _word(terms).state();
    }

    // ── the frame of a move ──────────────────────────────────────────────────────────────────────

    /// @dev Loads what happened and pays what nobody contested in time.
    function _enter(Terms calldata terms) internal returns (Move memory move) {
        _load(terms, move);
        State state = move.word.state();
        if (state == State.Open || state == State.Delivered) _sweep(terms, move, state);
    }

    function _word(Terms calldata terms) private view returns (uint256) {
        Move memory move;
        _load(terms, move);
        return move.word;
    }

    /// @dev Compares the terms with the id. The id keeps the chain id of the deployment: a chain that takes another
    /// number must not lock the money.
    function _load(Terms calldata terms, Move memory move) private view {
        move.id = id();
        bytes32 actual = TermsHash.id(_domainAtDeployment, terms);
        if (actual != move.id) revert WrongTerms(move.id, actual);
        move.found = move.word = _progress;
    }

    /// @dev Stores what happened, then pays what the move credited.
    function _leave(Terms calldata terms, Move memory move) internal {
        if (move.word != move.found) _progress = move.word;
        if (move.toPayee != 0) _push(terms, move.id, Party.Payee, terms.payee, move.toPayee);
        if (move.toPayer != 0) _push(terms, move.id, Party.Payer, terms.payer, move.toPayer);
        if (move.toFee != 0) _push(terms, move.id, Party.FeeReceiver, feeReceiver, move.toFee);
    }

    /// @dev A token that refuses one party must not hold up the others: its due waits for `withdraw`. The write after
    /// the call only adds to whatever is there then.
    function _push(Terms calldata terms, bytes32 id_, Party party, address to, uint256 amount) private {
        if (IERC20(terms.token).trySafeTransfer(to, amount)) {
            emit Withdrawn(id_, party, to, amount);
            return;
        }
        if (party == Party.Payee) _aside.payeeDue += amount.toUint96();
        else if (party == Party.Payer) _aside.payerDue += amount.toUint96();
        else _aside.feeDue += amount.toUint96();
        emit Kept(id_, party, amount);
    }

    function _become(Move memory move, State next) internal {
        emit StateChanged(move.id, move.word.state(), next);
        move.word = move.word.become(next);
    }

    // ── claims ───────────────────────────────────────────────────────────────────────────────────

    /// @dev Pays the claims whose window has passed. Before the delivery a claim counts only if its window ends by the
    /// last second of a delivery: whether it is paid or lapses is for the clock to say, not for whoever calls first
    /// after it. Unchecked: deadlines and windows have 40 and 32 bits.
    function _sweep(Terms calldata terms, Move memory move, State state) private {
        unchecked {
            uint256 window = terms.contestWindow;
            uint256 oldest = _lastDelivery(terms) + 1 + window;
            uint256 age = block.timestamp < oldest ? oldest - block.timestamp : 0;
            _releaseClaims(terms, move, state == State.Open ? Math.max(age, window) : age);
        }
    }

    /// @dev Pays what was claimed more than `age` before the second after the last one of a delivery, and not refused.
    function _releaseClaims(Terms calldata terms, Move memory move, uint256 age) internal {
        for (uint256 i = move.word.nextClaim(0, age); i < Milestones.COUNT; i = move.word.nextClaim(i + 1, age)) {
            _release(terms, move, i, Reason.Claim);
        }
    }

    // ── money ────────────────────────────────────────────────────────────────────────────────────

    /// @dev Pays one milestone. Its fee is the fee receiver's when the agreement ends.
    function _release(Terms calldata terms, Move memory move, uint256 milestone, Reason reason) internal {
        move.word = move.word.pay(milestone);
        _credit(terms, move, reason, milestone, Milestones.share(terms, milestone), 0);
    }

    /// @dev Divides all that is left, the payee's part of it being `payeeBps`, floored; the payer has the dust.
    function _divideRest(Terms calldata terms, Move memory move, Reason reason, uint256 payeeBps, State end) internal {
        (uint256 left, uint256 fees) = _remaining(terms, move.word);
        uint256 gross = Milestones.part(left, payeeBps, terms.unit);
        _end(terms, move, reason, gross, left - gross, fees, end);
    }

    /// @dev The last division: after it nothing is left, and the fees of the whole life are paid.
    function _end(
        Terms calldata terms,
        Move memory move,
        Reason reason,
        uint256 gross,
        uint256 toPayer,
        uint256 fees,
        State end
    ) internal {
        uint256 fee = _credit(terms, move, reason, NO_MILESTONE, gross, toPayer);
        move.toFee = fees + fee;
        _become(move, end);
    }

    /// @dev The fee lies inside what the payee earns.
    function _credit(
        Terms calldata terms,
        Move memory move,
        Reason reason,
        uint256 milestone,
        uint256 gross,
        uint256 toPayer
    ) internal returns (uint256 fee) {
        fee = Milestones.part(gross, terms.feeBps, terms.unit);
        // A fee is part of what it is taken from, and all credits of a life are parts of a price of 96 bits.
        unchecked {
            uint256 net = gross - fee;
            move.toPayee += net;
            move.toPayer += toPayer;
            emit Credited(move.id, reason, milestone, net, fee, toPayer);
        }
    }

    /// @dev What no party has earned yet, and the fees of what the payee has: both follow from what was paid so far.
    function _remaining(Terms calldata terms, uint256 word) internal view returns (uint256 left, uint256 fees) {
        State state = word.state();
        if (state == State.Disputed) state = _aside.disputedIn;
        if (state > State.Disputed) return (0, 0);
        (left, fees) = _beforeAcceptance(terms, word);
        if (state != State.Retained) return (left, fees);
        (, uint256 earned, uint256 kept) = _acceptance(terms, word, left);
        return (kept, fees + Milestones.part(earned, terms.feeBps, terms.unit));
    }

    function _beforeAcceptance(Terms calldata terms, uint256 word) internal pure returns (uint256 left, uint256 fees) {
        (uint256 amount, uint256 unit, uint256 feeBps) = (terms.amount, terms.unit, terms.feeBps);
        uint256 lanes = terms.milestones;
        uint256 paid = Milestones.hasAdvance(lanes) ? word.paid() | 1 : word.paid();
        left = amount;
        for (; paid != 0; (paid >>= 1, lanes >>= 32)) {
            if (paid & 1 == 0) continue;
            uint256 share = Milestones.part(amount, Milestones.bps(uint32(lanes)), unit);
            left -= share;
            fees += Milestones.part(share, feeBps, unit);
        }
    }

    /// @dev Lateness first, then the retention, and all the rest to the payee: dust of the shares is part of the price.
    function _acceptance(Terms calldata terms, uint256 word, uint256 left)
        internal
        pure
        returns (uint256 penalty, uint256 earned, uint256 kept)
    {
        penalty = Math.min(_penalty(terms, word.deliveredAt(_lastDelivery(terms))), left);
        uint256 index = Milestones.find(terms.milestones, Milestones.RETAINED);
        if (index < Milestones.COUNT) kept = Math.min(Milestones.share(terms, index), left - penalty);
        earned = left - penalty - kept;
    }

    /// @dev Every started day counts. The caller bounds it by what is left.
    function _penalty(Terms calldata terms, uint256 deliveredAt) internal pure returns (uint256) {
        if (deliveredAt <= terms.deliverBy) return 0;
        uint256 lateDays = Math.ceilDiv(deliveredAt - terms.deliverBy, 1 days);
        uint256 bps = Math.min(lateDays * terms.penaltyBpsPerDay, terms.penaltyCapBps);
        return Milestones.part(terms.amount, bps, terms.unit);
    }

    /// @dev Takes what the token refused to move to a party.
    function _takeDue(Party party) internal returns (uint256 amount) {
        if (party == Party.Payee) (amount, _aside.payeeDue) = (_aside.payeeDue, 0);
        else if (party == Party.Payer) (amount, _aside.payerDue) = (_aside.payerDue, 0);
        else (amount, _aside.feeDue) = (_aside.feeDue, 0);
    }

    // ── clocks ───────────────────────────────────────────────────────────────────────────────────

    /// @dev The last second in which a delivery, and whatever comes before one, is possible.
    function _lastDelivery(Terms calldata terms) internal pure returns (uint256) {
        unchecked {
            return uint256(terms.deliverBy) + terms.grace;
        }
    }

    function _requireAfter(uint256 moment) internal view {
        if (block.timestamp <= moment) revert TooEarly(moment);
    }

    function _requireNotAfter(uint256 moment) internal view {
        if (block.timestamp > moment) revert TooLate(moment);
    }
}
