// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IAgreement} from "./interfaces/IAgreement.sol";
import {IAgreementFactory} from "./interfaces/IAgreementFactory.sol";
import {Milestones} from "./libraries/Milestones.sol";
import {TermsHash} from "./libraries/TermsHash.sol";
import {TermsRules} from "./libraries/TermsRules.sol";
import {Entry, Permit, Terms} from "./types/AgreementTypes.sol";

/// @title The one door through which agreements open.
/// @dev Money never rests here: every transfer goes from a payer into a clone. If the chain takes another number, new
/// ids no longer fit the implementations and nothing opens; agreements already open live on.
contract AgreementFactory is IAgreementFactory, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint8 private constant DELIVERY = 1;
    uint8 private constant SUPPLY = 2;
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
    ) EIP712(TermsHash.NAME, TermsHash.VERSION) {
        _checkPart(delivery, feeReceiver_);
        _checkPart(supply, feeReceiver_);
        if (feeCeilingBps_ > Milestones.FULL_BPS) revert RateTooHigh(feeCeilingBps_);
        if (selfAttestedBps_ > Milestones.FULL_BPS) revert RateTooHigh(selfAttestedBps_);
        deliveryImplementation = delivery;
        supplyImplementation = supply;
        feeReceiver = feeReceiver_;
        feeCeilingBps = feeCeilingBps_;
        selfAttestedBps = selfAttestedBps_;
        for (uint256 i = 0; i < tokens.length; ++i) {
            isListed[tokens[i]] = true;
        }
    }

    /// @inheritdoc IAgreementFactory
    function openBatch(Entry[] calldata entries) external nonReentrant returns (address[] memory agreements) {
        // Check
        uint256 count = entries.length;
        if (count == 0 || count > MAX_BATCH) revert WrongBatchSize(count);
        bytes32[] memory ids = _checkBatch(entries);
        // Effect
        agreements = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            agreements[i] = _create(entries[i].terms, ids[i]);
        }
        // Interaction
        _fund(entries, ids, agreements);
    }

    /// @inheritdoc IAgreementFactory
    function idOf(Terms calldata terms) public view returns (bytes32) {
        return TermsHash.id(_domainSeparatorV4(), terms);
    }

    /// @inheritdoc IAgreementFactory
    function addressOf(Terms calldata terms) external view returns (address) {
        bytes32 id = idOf(terms);
        return Clones.predictDeterministicAddressWithImmutableArgs(
            _implementation(terms.kind), abi.encodePacked(id), id, address(this)
        );
    }

    // ── checks ───────────────────────────────────────────────────────────────────────────────────

    function _checkBatch(Entry[] calldata entries) private view returns (bytes32[] memory ids) {
        ids = new bytes32[](entries.length);
        Terms calldata delivery = entries[0].terms;
        for (uint256 i = 0; i < entries.length; ++i) {
            Terms calldata terms = entries[i].terms;
            ids[i] = idOf(terms);
            if (i == 0) {
                _checkPlace(ids[0], terms, DELIVERY, entries.length - 1, 0);
            } else {
                _checkPlace(ids[i], terms, SUPPLY, 0, ids[0]);
                if (terms.payer != delivery.payee) revert ForeignPayer(ids[i], delivery.payee, terms.payer);
                if (terms.token != delivery.token || terms.unit != delivery.unit) revert MixedMoney(ids[i]);
            }
            if (!isListed[terms.token]) revert TokenNotListed(terms.token);
            TermsRules.check(terms, selfAttestedBps, feeCeilingBps);
            _checkSigned(ids[i], terms.payer, entries[i].payerSignature);
            _checkSigned(ids[i], terms.payee, entries[i].payeeSignature);
        }
    }

    function _checkPlace(bytes32 id, Terms calldata terms, uint8 kind, uint256 supplies, bytes32 parent) private pure {
        if (terms.kind != kind) revert WrongKind(id, kind, terms.kind);
        if (terms.supplyCount != supplies) revert WrongSupplyCount(id, terms.supplyCount, supplies);
        if (terms.parent != parent) revert ForeignParent(id, parent, terms.parent);
        if (terms.replaces != 0) revert UnexpectedReplacement(id, terms.replaces);
    }

    function _checkSigned(bytes32 id, address party, bytes calldata signature) private view {
        if (party == msg.sender && signature.length == 0) return;
        if (!SignatureChecker.isValidSignatureNowCalldata(party, id, signature)) revert NotSigned(id, party);
    }

    function _checkPart(address part, address feeReceiver_) private view {
        if (IAgreement(part).factory() != address(this) || IAgreement(part).feeReceiver() != feeReceiver_) {
            revert WrongDeployment();
        }
        if (feeReceiver_ == address(0)) revert WrongDeployment();
    }

    // ── effects ──────────────────────────────────────────────────────────────────────────────────

    function _create(Terms calldata terms, bytes32 id) private returns (address agreement) {
        agreement =
            Clones.cloneDeterministicWithImmutableArgs(_implementation(terms.kind), abi.encodePacked(id), id);
        emit Opened(id, agreement, terms.parent, terms);
    }

    function _implementation(uint8 kind) private view returns (address) {
        return kind == DELIVERY ? deliveryImplementation : supplyImplementation;
    }

    // ── interactions ─────────────────────────────────────────────────────────────────────────────

    /// @dev The delivery's advance, less its fee, pays the supplies in their order; their payer adds what is missing.
    function _fund(Entry[] calldata entries, bytes32[] memory ids, address[] memory agreements) private {
        Terms calldata delivery = entries[0].terms;
        (, uint256 gross, uint256 fee) = Milestones.advance(delivery);
        uint256 available = gross - fee;
        uint256 spent;
        for (uint256 i = 0; i < entries.length; ++i) {
            _permit(entries[i].terms, entries[i].permit);
        }
        for (uint256 i = 1; i < entries.length; ++i) {
            Terms calldata supply = entries[i].terms;
            uint256 fromAdvance = Math.min(available - spent, supply.amount);
            spent += fromAdvance;
            if (fromAdvance != 0) emit AdvanceToSupply(ids[0], ids[i], fromAdvance);
            IAgreement(agreements[i]).open(supply, 0);
            _pull(supply.token, delivery.payer, agreements[i], fromAdvance);
            _pull(supply.token, supply.payer, agreements[i], supply.amount - fromAdvance);
        }
        IAgreement(agreements[0]).open(delivery, spent);
        _pull(delivery.token, delivery.payer, agreements[0], delivery.amount - spent);
    }

    /// @dev A permit that somebody else submitted first already did its work, so its failure is not ours: the
    /// transfer after it decides.
    function _permit(Terms calldata terms, Permit calldata permit) private {
        if (permit.deadline == 0) return;
        try IERC20Permit(terms.token).permit(
            terms.payer, address(this), permit.value, permit.deadline, permit.v, permit.r, permit.s
        ) {} catch {}
    }

    /// @dev Slither's arbitrary-send: `from` sent this transaction or signed the id under which the money is pulled.
    function _pull(address token, address from, address to, uint256 amount) private {
        if (amount == 0) return;
        uint256 before = IERC20(token).balanceOf(to);
        IERC20(token).safeTransferFrom(from, to, amount);
        uint256 moved = IERC20(token).balanceOf(to) - before;
        if (moved != amount) revert TransferMismatch(token, amount, moved);
    }
}
