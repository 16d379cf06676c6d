// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IAgreement} from "./interfaces/IAgreement.sol";
import {Milestones} from "./libraries/Milestones.sol";
import {TermsHash} from "./libraries/TermsHash.sol";
import {Authorisation, Books, Evidence, Party, Reason, State, Terms, Witnessed} from "./types/AgreementTypes.sol";

/// @title The state machine that delivery and supply agreements share.
/// @dev A clone's only immutable argument is its id. A move loads the books into memory (`_enter`), changes them, and
/// stores them (`_leave`); tokens move in `withdraw` alone, after the books are stored.
abstract contract AgreementCore is IAgreement {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    uint8 private constant ACCEPT = 1;
    uint8 private constant CONTEST = 2;
    uint8 private constant APPROVE = 3;
    uint8 private constant DELIVERED = 6;

    /// @dev `milestone` of a `Credited` event that concerns no single milestone.
    uint256 private constant NO_MILESTONE = 255;

    /// @inheritdoc IAgreement
    address public immutable factory;
    /// @inheritdoc IAgreement
    address public immutable feeReceiver;
    bytes32 private immutable _domainAtDeployment;
    uint256 private immutable _chainAtDeployment;

    Books private _books;
    /// @dev Eight 32-bit seconds since 1970, lane by lane.
    uint256 private _claimedAt;

    /// @param factory_ The factory that will open clones of this implementation.
    /// @param feeReceiver_ Where fees go.
    constructor(address factory_, address feeReceiver_) {
        factory = factory_;
        feeReceiver = feeReceiver_;
        _domainAtDeployment = TermsHash.domain(factory_);
        _chainAtDeployment = block.chainid;
    }

    // ── moves ────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IAgreement
    function open(Terms calldata terms, uint256 spent) public virtual {
        // Check
        if (msg.sender != factory) revert OnlyFactory(msg.sender);
        (bytes32 id_, Books memory books_) = _enter(terms);
        // Effect
        books_.left = terms.amount;
        (uint256 index, uint256 gross, uint256 fee) = Milestones.advance(terms);
        if (index < Milestones.COUNT) {
            books_.released = uint8(1 << index);
            books_.left -= gross.toUint96();
            books_.feeDue = fee.toUint96();
            books_.payeeDue = (gross - fee - spent).toUint96();
            emit Credited(id_, Reason.Advance, index, books_.payeeDue, fee, 0);
        }
        _leave(books_);
    }

    /// @inheritdoc IAgreement
    function claim(Terms calldata terms, uint256 milestone, Evidence[] calldata evidence) external {
        (bytes32 id_, Books memory books_) = _enter(terms);
        // Check
        _requireState(books_, State.Open);
        _requireNotAfter(_lastDelivery(terms));
        uint32 lane = _earnedLane(terms, milestone);
        if (books_.released & _bit(milestone) != 0 || _claimTime(milestone) != 0) revert AlreadyClaimed(milestone);
        _checkEvidence(id_, terms, milestone, lane, evidence);
        // Effect
        _claimedAt |= uint256(block.timestamp.toUint32()) << (32 * milestone);
        emit Claimed(id_, milestone, block.timestamp + terms.contestWindow, evidence[0].payloadHash);
        _leave(books_);
    }

    /// @inheritdoc IAgreement
    /// @dev Possible after the delivery too: a handover one second after a claim must not cut the payer's window.
    function contest(Terms calldata terms, uint256 milestone, Authorisation calldata consent) external {
        (bytes32 id_, Books memory books_) = _enter(terms);
        // Check
        if (books_.state != State.Delivered) _requireState(books_, State.Open);
        _authorise(id_, terms.payer, CONTEST, bytes32(milestone), consent);
        _earnedLane(terms, milestone);
        if (_claimTime(milestone) == 0 || (books_.released | books_.contested) & _bit(milestone) != 0) {
            revert NothingToContest(milestone);
        }
        // Effect
        books_.contested |= _bit(milestone);
        emit Contested(id_, milestone);
        _leave(books_);
    }

    /// @inheritdoc IAgreement
    function approve(Terms calldata terms, uint256 milestone, Authorisation calldata consent) external {
        (bytes32 id_, Books memory books_) = _enter(terms);
        // Check
        _requireState(books_, State.Open);
        _authorise(id_, terms.payer, APPROVE, bytes32(milestone), consent);
        _earnedLane(terms, milestone);
        if (books_.released & _bit(milestone) != 0) revert AlreadyClaimed(milestone);
        // Effect
        _release(id_, terms, books_, milestone, Reason.Approval);
        _leave(books_);
    }

    /// @inheritdoc IAgreement
    function deliveredBySecret(Terms calldata terms, bytes32 secret) external {
        (bytes32 id_, Books memory books_) = _enter(terms);
        // Check
        if (terms.handover == 0 || keccak256(bytes.concat(secret)) != terms.handover) revert WrongSecret();
        // Effect
        _deliver(id_, terms, books_);
        _leave(books_);
    }

    /// @inheritdoc IAgreement
    function deliveredByCarrier(Terms calldata terms, Authorisation calldata consent) external {
        (bytes32 id_, Books memory books_) = _enter(terms);
        // Check
        _authorise(id_, terms.carrier, DELIVERED, 0, consent);
        // Effect
        _deliver(id_, terms, books_);
        _leave(books_);
    }

    /// @inheritdoc IAgreement
    function accept(Terms calldata terms, Authorisation calldata consent) external {
        (bytes32 id_, Books memory books_) = _enter(terms);
        // Check
        _requireState(books_, State.Delivered);
        _authorise(id_, terms.payer, ACCEPT, 0, consent);
        // Effect
        _settle(id_, terms, books_);
        _leave(books_);
    }

    /// @inheritdoc IAgreement
    function finalise(Terms calldata terms) external {
        (bytes32 id_, Books memory books_) = _enter(terms);
        // Check
        _requireState(books_, State.Delivered);
        _requireAfter(uint256(books_.deliveredAt) + terms.acceptWindow);
        // Effect
        _settle(id_, terms, books_);
        _leave(books_);
    }

    /// @inheritdoc IAgreement
    function release(Terms calldata terms) external {
        (bytes32 id_, Books memory books_) = _enter(terms);
        // Check
        _requireState(books_, State.Retained);
        _requireAfter(uint256(books_.deliveredAt) + terms.retentionWindow);
        // Effect
        uint256 kept = books_.left;
        uint256 fee = _creditPayee(terms, books_, kept);
        uint256 index = Milestones.find(terms.milestones, Milestones.RETAINED);
        books_.released |= _bit(index);
        emit Credited(id_, Reason.Retention, index, kept - fee, fee, 0);
        _become(id_, books_, State.Settled);
        _leave(books_);
    }

    /// @inheritdoc IAgreement
    function refund(Terms calldata terms) external {
        (bytes32 id_, Books memory books_) = _enter(terms);
        // Check
        _requireState(books_, State.Open);
        _requireAfter(_lastDelivery(terms));
        // Effect
        uint256 rest = books_.left;
        _creditPayer(books_, rest);
        emit Credited(id_, Reason.Refund, NO_MILESTONE, 0, 0, rest);
        _become(id_, books_, State.Refunded);
        _leave(books_);
    }

    /// @inheritdoc IAgreement
    function withdraw(Terms calldata terms, Party party) external returns (uint256 amount) {
        (bytes32 id_, Books memory books_) = _enter(terms);
        // Effect
        address to;
        if (party == Party.Payee) {
            (to, amount, books_.payeeDue) = (terms.payee, books_.payeeDue, 0);
        } else if (party == Party.Payer) {
            (to, amount, books_.payerDue) = (terms.payer, books_.payerDue, 0);
        } else {
            (to, amount, books_.feeDue) = (feeReceiver, books_.feeDue, 0);
        }
        // Check
        if (amount == 0) revert NothingDue(party);
        _leave(books_);
        emit Withdrawn(id_, party, to, amount);
        // Interaction
        IERC20(terms.token).safeTransfer(to, amount);
    }

    // ── views ────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IAgreement
    function id() public view returns (bytes32) {
        bytes memory arguments = Clones.fetchCloneArgs(address(this));
        return abi.decode(arguments, (bytes32));
    }

    /// @inheritdoc IAgreement
    function books() external view returns (Books memory) {
        return _books;
    }

    /// @inheritdoc IAgreement
    function claimedAt() external view returns (uint32[8] memory times) {
        for (uint256 i = 0; i < Milestones.COUNT; ++i) {
            times[i] = uint32(_claimTime(i));
        }
    }

    // ── the frame of a move ──────────────────────────────────────────────────────────────────────

    /// @dev Compares the terms with the id, loads the books and pays what nobody contested in time. The id keeps the
    /// chain id of the deployment: a chain that takes another number must not lock the money.
    function _enter(Terms calldata terms) private returns (bytes32 id_, Books memory books_) {
        id_ = id();
        bytes32 actual = TermsHash.id(_domainAtDeployment, terms);
        if (actual != id_) revert WrongTerms(id_, actual);
        books_ = _books;
        if (books_.state == State.Open || books_.state == State.Delivered) _sweep(id_, terms, books_);
    }

    function _leave(Books memory books_) private {
        _books = books_;
    }

    function _sweep(bytes32 id_, Terms calldata terms, Books memory books_) private {
        if (_claimedAt == 0) return;
        for (uint256 i = 0; i < Milestones.COUNT; ++i) {
            uint256 time = _claimTime(i);
            if (time == 0 || block.timestamp <= time + terms.contestWindow) continue;
            if ((books_.released | books_.contested) & _bit(i) != 0) continue;
            _release(id_, terms, books_, i, Reason.Claim);
        }
    }

    function _become(bytes32 id_, Books memory books_, State next) private {
        emit StateChanged(id_, books_.state, next);
        books_.state = next;
    }

    // ── money ────────────────────────────────────────────────────────────────────────────────────

    function _release(bytes32 id_, Terms calldata terms, Books memory books_, uint256 milestone, Reason reason)
        private
    {
        uint256 share = Milestones.share(terms, milestone);
        uint256 fee = _creditPayee(terms, books_, share);
        books_.released |= _bit(milestone);
        emit Credited(id_, reason, milestone, share - fee, fee, 0);
    }

    function _creditPayee(Terms calldata terms, Books memory books_, uint256 gross) private pure returns (uint256 fee) {
        fee = Milestones.part(gross, terms.feeBps, terms.unit);
        books_.left -= gross.toUint96();
        books_.feeDue += fee.toUint96();
        books_.payeeDue += (gross - fee).toUint96();
    }

    function _creditPayer(Books memory books_, uint256 amount) private pure {
        books_.left -= amount.toUint96();
        books_.payerDue += amount.toUint96();
    }

    function _deliver(bytes32 id_, Terms calldata terms, Books memory books_) private {
        _requireState(books_, State.Open);
        _requireNotAfter(_lastDelivery(terms));
        books_.deliveredAt = block.timestamp.toUint40();
        emit Delivered(id_, block.timestamp, _penalty(terms, block.timestamp));
        _become(id_, books_, State.Delivered);
    }

    /// @dev Lateness first, then the retention, and all the rest to the payee: dust of the shares is part of the price.
    function _settle(bytes32 id_, Terms calldata terms, Books memory books_) private {
        uint256 penalty = Math.min(_penalty(terms, books_.deliveredAt), books_.left);
        _creditPayer(books_, penalty);
        uint256 kept;
        uint256 index = Milestones.find(terms.milestones, Milestones.RETAINED);
        if (index < Milestones.COUNT) kept = Math.min(Milestones.share(terms, index), books_.left);
        uint256 gross = books_.left - kept;
        uint256 fee = _creditPayee(terms, books_, gross);
        emit Credited(id_, Reason.Acceptance, NO_MILESTONE, gross - fee, fee, penalty);
        _become(id_, books_, kept == 0 ? State.Settled : State.Retained);
    }

    /// @dev Every started day counts. The caller bounds it by what is left.
    function _penalty(Terms calldata terms, uint256 deliveredAt) private pure returns (uint256) {
        if (deliveredAt <= terms.deliverBy) return 0;
        uint256 lateDays = Math.ceilDiv(deliveredAt - terms.deliverBy, 1 days);
        uint256 bps = Math.min(lateDays * terms.penaltyBpsPerDay, terms.penaltyCapBps);
        return Milestones.part(terms.amount, bps, terms.unit);
    }

    // ── proofs ───────────────────────────────────────────────────────────────────────────────────

    function _checkEvidence(
        bytes32 id_,
        Terms calldata terms,
        uint256 milestone,
        uint32 lane,
        Evidence[] calldata evidence
    ) private view {
        Witnessed by = Milestones.witnessed(lane);
        if (by == Witnessed.Payer) revert WrongMilestone(milestone);
        uint256 expected = by == Witnessed.Both ? 2 : 1;
        if (evidence.length != expected) revert WrongEvidenceCount(expected, evidence.length);
        uint16 code = Milestones.eventCode(lane);
        _checkLeaf(id_, terms.specHash, code, by == Witnessed.Witness ? terms.witness : terms.attestor, evidence[0]);
        if (expected == 2) _checkLeaf(id_, terms.specHash, code, terms.witness, evidence[1]);
    }

    function _checkLeaf(bytes32 id_, bytes32 specHash, uint16 code, address signer, Evidence calldata evidence)
        private
        view
    {
        bytes32 leaf = TermsHash.leaf(id_, specHash, code, evidence.at, evidence.payloadHash);
        if (!MerkleProof.verifyCalldata(evidence.proof, evidence.root, leaf)) revert NotIncluded(leaf, evidence.root);
        bytes32 digest = TermsHash.evidenceRoot(_domain(), evidence.root, evidence.sequence, evidence.previous);
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, digest, evidence.signature)) {
            revert RootNotSigned(signer, evidence.root);
        }
    }

    function _authorise(bytes32 id_, address party, uint8 what, bytes32 data, Authorisation calldata consent)
        private
        view
    {
        if (consent.signature.length == 0) {
            if (msg.sender != party) revert Unauthorised(party);
            return;
        }
        if (block.timestamp > consent.deadline) revert SignatureExpired(consent.deadline);
        bytes32 digest = TermsHash.action(_domain(), id_, what, data, consent.deadline);
        // The zero address is never a signer: ecrecover's failure value must not stand for an absent carrier.
        if (
            party == address(0)
                || !SignatureChecker.isValidSignatureNowCalldata(party, digest, consent.signature)
        ) revert Unauthorised(party);
    }

    /// @dev Signatures given after a chain took another number belong to that number.
    function _domain() private view returns (bytes32) {
        return block.chainid == _chainAtDeployment ? _domainAtDeployment : TermsHash.domain(factory);
    }

    // ── checks ───────────────────────────────────────────────────────────────────────────────────

    /// @dev A lane that evidence or the payer can release.
    function _earnedLane(Terms calldata terms, uint256 milestone) private pure returns (uint32 lane) {
        if (milestone >= Milestones.COUNT) revert WrongMilestone(milestone);
        lane = Milestones.lane(terms.milestones, milestone);
        if (lane == 0 || Milestones.isReserved(Milestones.eventCode(lane))) revert WrongMilestone(milestone);
    }

    function _claimTime(uint256 milestone) private view returns (uint256) {
        return uint32(_claimedAt >> (32 * milestone));
    }

    function _lastDelivery(Terms calldata terms) private pure returns (uint256) {
        return uint256(terms.deliverBy) + terms.grace;
    }

    function _bit(uint256 milestone) private pure returns (uint8) {
        return uint8(1 << milestone);
    }

    function _requireState(Books memory books_, State wanted) private pure {
        if (books_.state != wanted) revert WrongState(books_.state);
    }

    function _requireAfter(uint256 moment) private view {
        if (block.timestamp <= moment) revert TooEarly(moment);
    }

    function _requireNotAfter(uint256 moment) private view {
        if (block.timestamp > moment) revert TooLate(moment);
    }
}
