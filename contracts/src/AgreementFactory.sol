// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IAgreement} from "./interfaces/IAgreement.sol";
import {IAgreementFactory} from "./interfaces/IAgreementFactory.sol";
import {Milestones} from "./libraries/Milestones.sol";
import {Signers} from "./libraries/Signers.sol";
import {TermsHash} from "./libraries/TermsHash.sol";
import {TermsRules} from "./libraries/TermsRules.sol";
import {Authorisation, Entry, Permit, State, Terms} from "./types/AgreementTypes.sol";

/// @title The one door through which agreements open.
/// @dev Money never rests here: every transfer goes from a payer straight to a clone or to its payee. If the chain
/// takes another number, nothing opens any more; open agreements live on.
contract AgreementFactory is IAgreementFactory, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint8 private constant DELIVERY = 1;
    uint8 private constant SUPPLY = 2;
    uint8 private constant NOVATE = 9;
    /// @dev Keeps a whole batch far below any block's gas limit.
    uint256 private constant MAX_BATCH = 32;

    /// @inheritdoc IAgreementFactory
    address public immutable deliveryImplementation;
    /// @inheritdoc IAgreementFactory
    address public immutable supplyImplementation;
    /// @inheritdoc IAgreementFactory
    address public immutable feeReceiver;
    /// @inheritdoc IAgreementFactory
    uint16 public immutable feeCeilingBps;
    /// @inheritdoc IAgreementFactory
    uint16 public immutable selfAttestedBps;
    /// @inheritdoc IAgreementFactory
    mapping(address token => bool) public isListed;

    bytes32 private immutable _domainAtDeployment;
    uint256 private immutable _chainAtDeployment;

    /// @param delivery Implementation built for this factory's address.
    /// @param supply Implementation built for this factory's address.
    /// @param feeReceiver_ Where fees go; both implementations must agree.
    /// @param feeCeilingBps_ Highest fee that terms may name.
    /// @param selfAttestedBps_ Most that the maker's own evidence may release.
    /// @param tokens Plain ERC-20 tokens without transfer fee or rebasing.
    constructor(
        address delivery,
        address supply,
        address feeReceiver_,
        uint16 feeCeilingBps_,
        uint16 selfAttestedBps_,
        address[] memory tokens
    ) {
        _checkPart(delivery, feeReceiver_);
        _checkPart(supply, feeReceiver_);
        if (feeCeilingBps_ > Milestones.FULL_BPS) revert RateTooHigh(feeCeilingBps_);
        if (selfAttestedBps_ > Milestones.FULL_BPS) revert RateTooHigh(selfAttestedBps_);
        deliveryImplementation = delivery;
        supplyImplementation = supply;
        feeReceiver = feeReceiver_;
        feeCeilingBps = feeCeilingBps_;
        selfAttestedBps = selfAttestedBps_;
        _domainAtDeployment = TermsHash.domain(address(this));
        _chainAtDeployment = block.chainid;
        for (uint256 i = 0; i < tokens.length; ++i) {
            isListed[tokens[i]] = true;
        }
    }

    // ── doors ────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IAgreementFactory
    function open(Entry calldata entry) external nonReentrant returns (address agreement) {
        (bytes32 id, Terms[] memory loaded) = _load(entry.terms);
        Terms memory terms = loaded[0];
        _checkPlace(id, terms, DELIVERY, 0, 0, 0);
        agreement = _admit(entry, id, terms);
        _fund(terms, id, agreement, address(0), 0, 0);
    }

    /// @inheritdoc IAgreementFactory
    function openBatch(Entry[] calldata entries) external nonReentrant returns (address[] memory agreements) {
        agreements = new address[](_batchSize(entries.length));
        (bytes32 id, Terms[] memory loaded) = _load(entries[0].terms);
        Terms memory terms = loaded[0];
        _checkPlace(id, terms, DELIVERY, entries.length - 1, 0, 0);
        agreements[0] = _admit(entries[0], id, terms);
        (uint256 gross, uint256 fee) = Milestones.advance(terms);
        uint256 spent = _openSupplies(entries, agreements, id, terms, gross - fee);
        _fund(terms, id, agreements[0], address(0), 0, spent);
    }

    /// @inheritdoc IAgreementFactory
    function openSupply(Entry calldata entry, Terms[] calldata lineage)
        external
        nonReentrant
        returns (address agreement)
    {
        (bytes32 parent, Terms[] memory delivery) = _requireOpen(lineage);
        (agreement,) = _openSupply(entry, parent, delivery[0], 0);
    }

    /// @inheritdoc IAgreementFactory
    function novate(
        Terms calldata old,
        Entry[] calldata entries,
        uint256 carried,
        Authorisation calldata payer,
        Authorisation calldata payee
    ) external nonReentrant returns (address[] memory agreements) {
        agreements = new address[](_batchSize(entries.length));
        (bytes32 id, Terms[] memory loaded) = _load(entries[0].terms);
        Terms memory terms = loaded[0];
        bytes32 oldId;
        (agreements[0], oldId, loaded) = _admitSuccessor(old, entries, id, terms);
        _checkConsent(id, terms.payer, carried, payer);
        (uint256 brought, State from) = _carry(loaded[0], oldId, terms, id, agreements[0]);
        if (brought < carried) revert CarriesLess(brought, carried);
        if (from != State.Open) _checkConsent(id, terms.payee, uint256(from), payee);
        _openSupplies(entries, agreements, id, terms, 0);
    }

    // ── views ────────────────────────────────────────────────────────────────────────────────────

    /// @inheritdoc IAgreementFactory
    function idOf(Terms calldata terms) public view returns (bytes32) {
        return TermsHash.id(_domainAtDeployment, terms);
    }

    /// @inheritdoc IAgreementFactory
    function addressOf(Terms calldata terms) external view returns (address) {
        return _addressOf(terms.kind, idOf(terms));
    }

    // ── admission: checks, and the empty clone ───────────────────────────────────────────────────

    function _load(Terms calldata terms) private view returns (bytes32 id, Terms[] memory loaded) {
        return TermsHash.load(_domainAtDeployment, terms);
    }

    function _batchSize(uint256 count) private pure returns (uint256) {
        if (count == 0 || count > MAX_BATCH) revert WrongBatchSize(count);
        return count;
    }

    function _checkPlace(
        bytes32 id,
        Terms memory terms,
        uint8 kind,
        uint256 supplies,
        bytes32 parent,
        bytes32 replaces
    ) private pure {
        if (terms.kind != kind) revert WrongKind(id, kind, terms.kind);
        if (terms.supplyCount != supplies) revert WrongSupplyCount(id, terms.supplyCount, supplies);
        if (terms.parent != parent) revert ForeignParent(id, parent, terms.parent);
        if (terms.replaces != replaces) revert ForeignPredecessor(id, replaces, terms.replaces);
    }

    function _admit(Entry calldata entry, bytes32 id, Terms memory terms) private returns (address agreement) {
        if (block.chainid != _chainAtDeployment) revert ChainRenumbered(_chainAtDeployment, block.chainid);
        if (!isListed[terms.token]) revert TokenNotListed(terms.token);
        TermsRules.check(terms, selfAttestedBps, feeCeilingBps);
        _checkSigned(id, terms.payer, entry.payerSignature);
        _checkSigned(id, terms.payee, entry.payeeSignature);
        agreement = Clones.cloneDeterministicWithImmutableArgs(_implementation(terms.kind), abi.encodePacked(id), id);
        _logOpened(id, agreement, terms.parent, terms);
        _permit(entry.permit, terms);
    }

    function _admitSuccessor(Terms calldata old, Entry[] calldata entries, bytes32 id, Terms memory terms)
        private
        returns (address agreement, bytes32 oldId, Terms[] memory before)
    {
        (oldId, before) = _load(old);
        uint256 supplies = entries.length - 1;
        // Only a successor may be a supply here, and a supply has no supplies of its own.
        uint8 kind = supplies == 0 && terms.kind == SUPPLY ? SUPPLY : DELIVERY;
        _checkPlace(id, terms, kind, supplies, before[0].parent, oldId);
        agreement = _admit(entries[0], id, terms);
        _checkSuccessor(id, terms, before[0]);
    }

    /// @dev `emit Opened(id, agreement, parent, terms)` without encoding 30 words one by one: `TermsRules` found each
    /// of them clean, so memory is their encoding.
    function _logOpened(bytes32 id, address agreement, bytes32 parent, Terms memory terms) private {
        bytes32 topic = Opened.selector;
        assembly ("memory-safe") {
            log4(terms, 960, topic, id, agreement, parent)
        }
    }

    function _checkSigned(bytes32 id, address party, bytes calldata signature) private view {
        if (party == msg.sender && signature.length == 0) return;
        if (!Signers.signed(party, id, signature)) revert NotSigned(id, party);
    }

    function _checkSupply(bytes32 id, Terms memory terms, Terms memory delivery) private pure {
        if (terms.payer != delivery.payee) revert ForeignPayer(id, delivery.payee, terms.payer);
        if (terms.token != delivery.token || terms.unit != delivery.unit) revert MixedMoney(id);
    }

    /// @dev The same two people, the same money, a fresh secret, and no new advance: that was paid under the old terms.
    function _checkSuccessor(bytes32 id, Terms memory terms, Terms memory old) private pure {
        if (terms.kind != old.kind) revert WrongKind(id, old.kind, terms.kind);
        if (terms.payer != old.payer) revert ForeignPayer(id, old.payer, terms.payer);
        if (terms.payee != old.payee) revert ForeignPayee(id, old.payee, terms.payee);
        if (terms.token != old.token || terms.unit != old.unit) revert MixedMoney(id);
        if (Milestones.hasAdvance(terms.milestones)) revert UnexpectedAdvance(id);
        if (terms.handover != 0 && terms.handover == old.handover) revert HandoverReused(id);
    }

    /// @dev What a party gives up by a successor depends on what happens in between: it names its limit.
    function _checkConsent(bytes32 id, address party, uint256 limit, Authorisation calldata consent) private view {
        if (consent.signature.length == 0 && msg.sender == party) return;
        bytes32 digest = TermsHash.action(_domainAtDeployment, id, NOVATE, bytes32(limit), consent.deadline);
        if (!Signers.signed(party, digest, consent.signature)) revert Unauthorised(party);
        if (block.timestamp > consent.deadline) revert SignatureExpired(consent.deadline);
    }

    /// @dev From the delivery that a supply names, successor by successor, to the one whose clone is open.
    function _requireOpen(Terms[] calldata lineage) private view returns (bytes32 first, Terms[] memory last) {
        uint256 count = _batchSize(lineage.length);
        bytes32 id;
        for (uint256 i = 0; i < count; ++i) {
            bytes32 before = id;
            (id, last) = _load(lineage[i]);
            if (i == 0) first = id;
            else if (last[0].replaces != before) revert ForeignPredecessor(id, before, last[0].replaces);
        }
        Terms memory terms = last[0];
        address agreement = _addressOf(terms.kind, id);
        if (terms.kind != DELIVERY || agreement.code.length == 0) revert NotOpen(id);
        State state = IAgreement(agreement).stateOf(terms);
        // After the last second of a delivery only the refund is left to come.
        if (state != State.Open || block.timestamp > uint256(terms.deliverBy) + terms.grace) revert NotOpen(id);
    }

    function _checkPart(address part, address feeReceiver_) private view {
        if (IAgreement(part).factory() != address(this) || IAgreement(part).feeReceiver() != feeReceiver_) {
            revert WrongDeployment();
        }
        if (feeReceiver_ == address(0)) revert WrongDeployment();
    }

    // ── money ────────────────────────────────────────────────────────────────────────────────────

    /// @dev The delivery's advance pays the supplies in their order; their payer adds what is missing.
    function _openSupplies(
        Entry[] calldata entries,
        address[] memory agreements,
        bytes32 parent,
        Terms memory delivery,
        uint256 available
    ) private returns (uint256 spent) {
        for (uint256 i = 1; i < entries.length; ++i) {
            uint256 sponsored;
            (agreements[i], sponsored) = _openSupply(entries[i], parent, delivery, available - spent);
            spent += sponsored;
        }
    }

    function _openSupply(Entry calldata entry, bytes32 parent, Terms memory delivery, uint256 available)
        private
        returns (address agreement, uint256 sponsored)
    {
        (bytes32 id, Terms[] memory loaded) = _load(entry.terms);
        Terms memory terms = loaded[0];
        _checkPlace(id, terms, SUPPLY, 0, parent, 0);
        agreement = _admit(entry, id, terms);
        _checkSupply(id, terms, delivery);
        sponsored = Math.min(available, terms.amount);
        if (sponsored != 0) emit AdvanceToSupply(parent, id, sponsored);
        _fund(terms, id, agreement, delivery.payer, sponsored, 0);
    }

    /// @dev The clone receives the price less the advance; the advance's fee stays in the clone, the rest of it goes
    /// to the payee at once, but for what it has already `spent` on supplies. `sponsored` comes from the delivery's
    /// advance, which its payer still holds.
    function _fund(
        Terms memory terms,
        bytes32 id,
        address agreement,
        address sponsor,
        uint256 sponsored,
        uint256 spent
    ) private {
        (uint256 gross, uint256 fee) = Milestones.advance(terms);
        uint256 advance = gross - fee;
        uint256 price = terms.amount - advance;
        uint256 fromSponsor = Math.min(sponsored, price);
        _pull(terms, agreement, sponsor, fromSponsor, price - fromSponsor);
        if (advance == 0) return;
        uint256 rest = sponsored - fromSponsor;
        _pull(terms, terms.payee, sponsor, rest, advance - spent - rest);
        emit AdvanceToPayee(id, terms.payee, advance - spent, fee);
    }

    /// @dev The old agreement's rest goes to the successor's clone, and the cap on the maker's own word goes with it.
    /// The payer adds what is missing.
    function _carry(Terms memory old, bytes32 oldId, Terms memory terms, bytes32 id, address agreement)
        private
        returns (uint256 brought, State from)
    {
        address predecessor = _addressOf(old.kind, oldId);
        if (predecessor.code.length == 0) revert NotOpen(oldId);
        IERC20 token = IERC20(terms.token);
        uint256 before = token.balanceOf(agreement);
        uint256 allowed;
        (brought, allowed, from) = IAgreement(predecessor).succeed(old, id, agreement, terms.amount);
        uint256 selfAttested = Milestones.selfAttested(terms.milestones, terms.amount, terms.unit, 0);
        if (selfAttested > allowed) revert CapRestarted(id, selfAttested, allowed);
        if (brought != terms.amount) token.safeTransferFrom(terms.payer, agreement, terms.amount - brought);
        _checkReceived(token, agreement, before, terms.amount);
    }

    /// @dev A permit that somebody else submitted first already did its work, so its failure is not ours: the
    /// transfer after it decides.
    function _permit(Permit calldata permit, Terms memory terms) private {
        if (permit.deadline == 0) return;
        try IERC20Permit(terms.token).permit(
            terms.payer, address(this), permit.value, permit.deadline, permit.v, permit.r, permit.s
        ) {} catch {}
    }

    /// @dev Slither's arbitrary-send: both sent this transaction or signed the id under which the money is pulled.
    function _pull(Terms memory terms, address to, address sponsor, uint256 fromSponsor, uint256 fromPayer) private {
        IERC20 token = IERC20(terms.token);
        uint256 before = token.balanceOf(to);
        if (fromSponsor != 0) token.safeTransferFrom(sponsor, to, fromSponsor);
        if (fromPayer != 0) token.safeTransferFrom(terms.payer, to, fromPayer);
        _checkReceived(token, to, before, fromSponsor + fromPayer);
    }

    function _checkReceived(IERC20 token, address to, uint256 before, uint256 expected) private view {
        uint256 moved = token.balanceOf(to) - before;
        if (moved != expected) revert TransferMismatch(address(token), expected, moved);
    }

    // ── names ────────────────────────────────────────────────────────────────────────────────────

    function _implementation(uint8 kind) private view returns (address) {
        return kind == DELIVERY ? deliveryImplementation : supplyImplementation;
    }

    function _addressOf(uint8 kind, bytes32 id) private view returns (address) {
        return Clones.predictDeterministicAddressWithImmutableArgs(
            _implementation(kind), abi.encodePacked(id), id, address(this)
        );
    }
}
