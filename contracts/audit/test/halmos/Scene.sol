// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";

import {DeliveryAgreement} from "../../../src/DeliveryAgreement.sol";
import {IAgreement} from "../../../src/interfaces/IAgreement.sol";
import {TermsHash} from "../../../src/libraries/TermsHash.sol";
import {Authorisation, Evidence, Party, State, Terms} from "../../../src/types/AgreementTypes.sol";
import {Symbolic} from "./Symbolic.sol";

/// @dev A token that moves nothing and remembers whether it was ever asked to pay anybody but those three.
contract Purse {
    address private immutable _payee;
    address private immutable _payer;
    address private immutable _feeReceiver;
    bool public refuses;
    bool public strayed;
    uint256 public asked;

    constructor(address payee, address payer, address feeReceiver) {
        (_payee, _payer, _feeReceiver) = (payee, payer, feeReceiver);
    }

    function refuse() external {
        refuses = true;
    }

    function transfer(address to, uint256) external returns (bool) {
        if (refuses) return false;
        ++asked;
        if (to != _payee && to != _payer && to != _feeReceiver) strayed = true;
        return true;
    }
}

/// @notice A real clone of the real implementation, and every move on it with arguments that stand for all.
/// @dev Parties, rates and windows are fixed. Unknown are the caller, the time, what has happened so far and what the
/// move brings along. Two lanes can be earned and a third is the retention, so that paths stay countable.
abstract contract Scene is Symbolic {
    /// @dev The moves in the order of `IAgreement`.
    uint256 internal constant CLAIM = 0;
    uint256 internal constant CONTEST = 1;
    uint256 internal constant APPROVE = 2;
    uint256 internal constant DELIVERED_BY_SECRET = 3;
    uint256 internal constant DELIVERED_BY_CARRIER = 4;
    uint256 internal constant ACCEPT = 5;
    uint256 internal constant FINALISE = 6;
    uint256 internal constant RELEASE = 7;
    uint256 internal constant REFUND = 8;
    uint256 internal constant REVOKE = 9;
    uint256 internal constant CANCEL = 10;
    uint256 internal constant DISPUTE = 11;
    uint256 internal constant RESOLVE = 12;
    uint256 internal constant TIMEOUT = 13;
    uint256 internal constant SPLIT = 14;
    uint256 internal constant WITHDRAW = 15;
    uint256 internal constant SUCCEED = 16;
    uint256 internal constant MOVES = 17;

    address internal constant FACTORY = address(0xFAC7);
    address internal constant FEES = address(0xFEE5);
    address internal constant PAYER = address(0xA11CE);
    address internal constant PAYEE = address(0xB0B);
    address internal constant ATTESTOR = address(0xA77E57);
    address internal constant WITNESS = address(0x3173);
    address internal constant CARRIER = address(0xCA881E);
    address internal constant ARBITER = address(0xA8B1);
    address internal constant SUCCESSOR = address(0x5CCE);

    uint256 internal constant FUND_BY = 1_900_000_000;
    uint256 internal constant DELIVER_BY = FUND_BY + 20 days;
    uint256 internal constant GRACE = 10 days;
    uint256 internal constant LAST = DELIVER_BY + GRACE;
    uint256 internal constant WINDOW = 3 days;
    uint256 internal constant RETENTION_WINDOW = 30 days;
    uint256 internal constant LONGEST = 1_460 days;
    bytes32 internal constant SECRET_HASH = keccak256(abi.encode("the recipient's secret"));

    /// @dev Where the contracts keep them; tests/contracts/audit/test_halmos.py compares that with the artifacts.
    bytes32 internal constant PROGRESS_SLOT = bytes32(uint256(0));
    bytes32 internal constant ASIDE_SLOT = bytes32(uint256(1));
    /// @dev Bits of a progress word that these terms can set: two claims, two paid milestones, state and handover.
    uint256 internal constant LANE = (1 << 27) - 1;
    uint256 internal constant STATE_BITS = uint256(31) << 224;
    uint256 internal constant WORD = LANE | 1 << 216 | ~uint256(0) << 224;

    Purse internal purse;
    IAgreement internal clone;
    bytes32 internal domain;
    bytes32 internal id;

    function _open() internal {
        vm.chainId(31_337);
        vm.warp(FUND_BY);
        purse = new Purse(PAYEE, PAYER, FEES);
        address implementation = address(new DeliveryAgreement(FACTORY, FEES));
        domain = TermsHash.domain(FACTORY);
        id = this.idOf(_terms());
        clone = IAgreement(Clones.cloneDeterministicWithImmutableArgs(implementation, abi.encodePacked(id), id));
        assert(clone.id() == id);
    }

    function idOf(Terms calldata terms) external view returns (bytes32) {
        return TermsHash.id(domain, terms);
    }

    function _terms() internal view returns (Terms memory t) {
        t.kind = 1;
        (t.payer, t.payee, t.attestor, t.witness) = (PAYER, PAYEE, ATTESTOR, WITNESS);
        (t.carrier, t.arbiter, t.token) = (CARRIER, ARBITER, address(purse));
        (t.unit, t.amount) = (10_000, 1_000_000_000);
        t.milestones = _lane(0, 1_000, 100, 0) | _lane(1, 2_500, 101, 1) | _lane(2, 500, 2, 3);
        (t.fundBy, t.deliverBy, t.grace) = (uint40(FUND_BY), uint40(DELIVER_BY), uint32(GRACE));
        (t.contestWindow, t.acceptWindow, t.arbiterWindow) = (uint32(WINDOW), uint32(WINDOW), uint32(WINDOW));
        t.retentionWindow = uint32(RETENTION_WINDOW);
        (t.penaltyBpsPerDay, t.penaltyCapBps, t.feeBps) = (100, 500, 150);
        (t.cancelBps, t.cancelUntil, t.timeoutBps) = (1_000, 1, 10_000);
        (t.handover, t.specHash, t.salt) = (SECRET_HASH, bytes32(uint256(7)), bytes32(uint256(8)));
    }

    function _lane(uint256 index, uint256 bps, uint256 code, uint256 who) private pure returns (uint256) {
        return (bps << 18 | code << 2 | who) << (32 * index);
    }

    // ── what has happened so far ─────────────────────────────────────────────────────────────────

    /// @dev Anything that can have happened under these terms: the word, and a dispute. Nothing is kept aside.
    struct Past {
        uint256 word;
        State state;
        uint40 disputedAt;
        State disputedIn;
    }

    /// @dev Makes it so, now being `time`, and gives the word as it then is.
    function _happened(Past memory past, uint40 time) internal returns (uint256 word) {
        vm.warp(time);
        vm.assume(past.disputedIn < State.Disputed);
        // No clock is longer, so nothing happens earlier: `TermsRules` sees to that.
        vm.assume(time >= LAST - LONGEST);
        word = (past.word & WORD & ~STATE_BITS) | uint256(past.state) << 224;
        vm.store(address(clone), PROGRESS_SLOT, bytes32(word));
        uint256 aside = uint256(past.disputedAt) << 192 | uint256(past.disputedIn) << 232;
        vm.store(address(clone), ASIDE_SLOT, bytes32(aside));
    }

    /// @dev The word that the clone has now.
    function _word() internal view returns (uint256) {
        return uint256(vm.load(address(clone), PROGRESS_SLOT));
    }

    function _state() internal view returns (State) {
        return State((_word() >> 224) & 31);
    }

    /// @dev The same number, on each path a known one: solvers then have little left to ask.
    function _known(uint256 number) internal pure returns (uint256) {
        for (uint256 high = 0; high < 5; ++high) {
            if (number >> 2 != high) continue;
            for (uint256 low = 0; low < 4; ++low) {
                if (number & 3 == low) return high << 2 | low;
            }
        }
        revert();
    }

    // ── moves ────────────────────────────────────────────────────────────────────────────────────

    function _act(address caller, bytes memory data) internal returns (bool done) {
        vm.prank(caller);
        (done,) = address(clone).call(data);
    }

    /// @dev A signature that stands for all of 65 bytes.
    function _anySignature() internal pure returns (Authorisation memory) {
        return Authorisation(svm.createUint256("deadline"), svm.createBytes(65, "signature"));
    }

    function _anyConsent() internal pure returns (Authorisation memory consent) {
        if (svm.createBool("signed")) return _anySignature();
    }

    /// @dev A move with arguments that stand for all; only the terms are given.
    function _anyMove(uint256 which, Terms memory t) internal pure returns (bytes memory) {
        if (which == CLAIM) return abi.encodeCall(IAgreement.claim, (t, svm.createUint256("lane"), _anyEvidence()));
        if (which == DELIVERED_BY_SECRET) {
            return abi.encodeCall(IAgreement.deliveredBySecret, (t, svm.createBytes32("secret")));
        }
        if (which == FINALISE) return abi.encodeCall(IAgreement.finalise, (t));
        if (which == RELEASE) return abi.encodeCall(IAgreement.release, (t));
        if (which == REFUND) return abi.encodeCall(IAgreement.refund, (t));
        if (which == TIMEOUT) return abi.encodeCall(IAgreement.timeout, (t));
        if (which == WITHDRAW) return abi.encodeCall(IAgreement.withdraw, (t, _anyParty(3)));
        if (which == SUCCEED) {
            bytes32 successor = svm.createBytes32("successor");
            uint256 wanted = svm.createUint256("wanted");
            return abi.encodeCall(IAgreement.succeed, (t, successor, SUCCESSOR, wanted));
        }
        if (which == SPLIT) return _split(t, svm.createUint256("share"), _anyConsent(), _anyConsent());
        return _moveOfOne(which, t, svm.createUint256("argument"), _anyParty(2), _anyConsent());
    }

    function _split(Terms memory t, uint256 share, Authorisation memory payer, Authorisation memory payee)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodeCall(IAgreement.split, (t, share, payer, payee));
    }

    /// @dev A move that one party decides alone.
    function _moveOfOne(uint256 which, Terms memory t, uint256 argument, Party by, Authorisation memory consent)
        internal
        pure
        returns (bytes memory)
    {
        if (which == CONTEST) return abi.encodeCall(IAgreement.contest, (t, argument, consent));
        if (which == APPROVE) return abi.encodeCall(IAgreement.approve, (t, argument, consent));
        if (which == DELIVERED_BY_CARRIER) return abi.encodeCall(IAgreement.deliveredByCarrier, (t, consent));
        if (which == ACCEPT) return abi.encodeCall(IAgreement.accept, (t, consent));
        if (which == REVOKE) return abi.encodeCall(IAgreement.revoke, (t, consent));
        if (which == CANCEL) return abi.encodeCall(IAgreement.cancel, (t, argument, consent));
        if (which == DISPUTE) return abi.encodeCall(IAgreement.dispute, (t, by, consent));
        assert(which == RESOLVE);
        return abi.encodeCall(IAgreement.resolve, (t, argument, consent));
    }

    function _isOfOne(uint256 which) internal pure returns (bool) {
        if (which == CONTEST || which == APPROVE || which == DELIVERED_BY_CARRIER || which == ACCEPT) return true;
        return which == REVOKE || which == CANCEL || which == DISPUTE || which == RESOLVE;
    }

    function _anyParty(uint256 count) internal pure returns (Party party) {
        uint256 number = svm.createUint(8, "party");
        vm.assume(number < count);
        return Party(number);
    }

    function _anyEvidence() internal pure returns (Evidence[] memory evidence) {
        evidence = new Evidence[](1);
        evidence[0].at = uint64(svm.createUint(64, "at"));
        evidence[0].payloadHash = svm.createBytes32("payload");
        evidence[0].root = svm.createBytes32("root");
        evidence[0].sequence = uint64(svm.createUint(64, "sequence"));
        evidence[0].previous = svm.createBytes32("previous");
        evidence[0].signature = svm.createBytes(65, "evidence");
    }
}
