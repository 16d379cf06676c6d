// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Entry, Terms, Witnessed} from "../../src/types/AgreementTypes.sol";
import {Arithmetic} from "./Arithmetic.sol";
import {Moves} from "./Moves.sol";
import {SwitchToken} from "./SwitchToken.sol";

/// @title Openings with exactly one thing wrong, which the factory must refuse.
abstract contract Misuse is Moves {
    using Arithmetic for Terms;

    uint256 internal constant SLIPS_OF_TERMS = 34;
    uint256 internal constant SLIPS_OF_BATCH = 8;
    uint256 internal constant SLIPS_OF_SIGNING = 6;

    /// @dev A customer whose allowance stands, so that nothing else is wrong.
    function _solvent(uint256 supplies) private returns (Terms memory t) {
        t = _draftDelivery(supplies);
        if (t.witness == t.payer) t.witness = customers[0];
        t.payer = customers[0];
    }

    /// @dev A lone delivery whose terms both parties signed although the rules do not allow them.
    function _openBadTerms(uint256 slip) internal {
        Terms memory t = _solvent(0);
        slip = slip % SLIPS_OF_TERMS;
        if (slip < 14) _spoilParties(t, slip);
        else if (slip < 24) _spoilMoneyAndClocks(t, slip);
        else _spoilMilestones(t, slip);
        _turnedAway(t, abi.encodeCall(factory.open, (_entry(t, address(0)))));
    }

    /// @dev A batch in which a supply does not belong to its delivery.
    function _openBadBatch(uint256 slip) internal {
        Terms memory t = _solvent(1);
        Terms memory s = _draftSupply(t, _idOf(t));
        slip = slip % SLIPS_OF_BATCH;
        if (slip == 0) s.payer = t.payer;
        if (slip == 1) s.payer = t.payee == makers[0] ? makers[1] : makers[0];
        if (slip == 2) s.parent = bytes32(uint256(s.parent) ^ 1);
        if (slip == 3) s.token = address(tokens[0]) == s.token ? address(tokens[1]) : address(tokens[0]);
        if (slip == 4) (s.unit, s.amount) = (s.unit + 1, (s.unit + 1) * 10);
        if (slip == 5) s.kind = DELIVERY;
        if (slip == 6) s.supplyCount = 1;
        Entry[] memory entries = new Entry[](slip == 7 ? 1 : 2);
        entries[0] = _entry(t, address(0));
        if (slip != 7) entries[1] = _entry(s, address(0));
        _turnedAway(t, abi.encodeCall(factory.openBatch, (entries)));
    }

    /// @dev Good terms, but not signed by one of the two, or signed under another price.
    function _openUnsigned(uint256 slip) internal {
        Terms memory t = _solvent(0);
        Entry memory entry = _entry(t, address(0));
        slip = slip % SLIPS_OF_SIGNING;
        if (slip == 0) entry.payerSignature = "";
        if (slip == 1) entry.payeeSignature = "";
        if (slip == 2) entry.payerSignature = entry.payeeSignature;
        if (slip == 3) entry.payeeSignature = entry.payerSignature;
        if (slip == 4) entry.payerSignature = _sign(stranger, _idOf(t));
        if (slip == 5) entry.terms.amount += entry.terms.unit;
        _turnedAway(t, abi.encodeCall(factory.open, (entry)));
    }

    /// @dev The token takes its share on the way: what arrives is not what was agreed.
    function _openWithTokenFee() internal {
        Terms memory t = _solvent(0);
        SwitchToken(t.token).setTakesFee(true);
        _turnedAway(t, abi.encodeCall(factory.open, (_entry(t, address(0)))));
        SwitchToken(t.token).setTakesFee(false);
    }

    /// @dev While one agreement is being paid for, the token opens another.
    function _openWithin() internal {
        Terms memory t = _solvent(0);
        Entry memory within = _entry(_solvent(0), address(0));
        SwitchToken(t.token).arm(address(factory), abi.encodeCall(factory.open, (within)));
        _openLone(_entry(t, relayer), relayer);
        bool entered = SwitchToken(t.token).entered();
        SwitchToken(t.token).arm(address(0), "");
        vm.assertFalse(entered, "an agreement was opened while another was being paid for");
    }

    function _openAgain(uint256 index) internal {
        Terms memory t = pages[index].terms;
        if (t.kind == DELIVERY && t.replaces == 0 && t.supplyCount == 0) {
            _turnedAway(t, abi.encodeCall(factory.open, (_entry(t, address(0)))));
        }
    }

    function _turnedAway(Terms memory t, bytes memory data) private {
        _knock(relayer, data, false);
        _compareFlows(tokens[0]);
        _compareFlows(tokens[1]);
        vm.assertEq(factory.addressOf(t).code.length == 0 || _known(t), true);
    }

    function _known(Terms memory t) private view returns (bool) {
        bytes32 id = _idOf(t);
        for (uint256 i = 0; i < pages.length; ++i) {
            if (pages[i].id == id) return true;
        }
        return false;
    }

    function _spoilParties(Terms memory t, uint256 slip) private view {
        if (slip == 0) t.payee = t.payer;
        if (slip == 1) t.arbiter = t.payer;
        if (slip == 2) t.arbiter = t.payee;
        if (slip == 3) t.arbiter = t.attestor;
        if (slip == 4) t.arbiter = relayer; // who sends
        if (slip == 5) t.arbiter = address(0);
        if (slip == 6) t.witness = t.payee;
        if (slip == 7) t.witness = t.attestor;
        if (slip == 8) t.witness = t.arbiter;
        if (slip == 9) t.carrier = t.payee;
        if (slip == 10) t.carrier = t.payer;
        if (slip == 11) t.carrier = t.attestor;
        if (slip == 12) t.carrier = t.arbiter;
        if (slip == 13) (t.carrier, t.handover) = (address(0), bytes32(0));
    }

    function _spoilMoneyAndClocks(Terms memory t, uint256 slip) private {
        if (slip == 14) t.amount = t.unit == 1 ? 0 : t.amount + 1;
        if (slip == 15) t.feeBps = FEE_CEILING_BPS + 1;
        if (slip == 16) t.token = address(new SwitchToken());
        if (slip == 17) (t.supplyCount, t.kind) = _oneIn(2) ? (1, DELIVERY) : (0, SUPPLY);
        if (slip == 18) (t.parent, t.replaces) = _oneIn(2) ? (bytes32("p"), bytes32(0)) : (bytes32(0), bytes32("r"));
        if (slip == 19) t.fundBy = uint40(clock - 1);
        if (slip == 20) t.deliverBy = t.fundBy - 1;
        if (slip == 21) t.deliverBy = uint40(clock + 1460 days - t.grace + 1);
        if (slip == 22) t.grace = uint32(1460 days + 1);
        if (slip == 23) _spoilWindow(t, _oneIn(2) ? 0 : 1460 days + 1);
    }

    function _spoilWindow(Terms memory t, uint32 window) private {
        uint256 which = _roll(4);
        if (which == 0) t.contestWindow = window;
        if (which == 1) t.acceptWindow = window;
        if (which == 2 || t.laneOf(Arithmetic.RETAINED) == Arithmetic.NONE) t.arbiterWindow = window;
        else if (which == 3) t.retentionWindow = window;
    }

    function _spoilMilestones(Terms memory t, uint256 slip) private {
        if (slip == 24) t.penaltyBpsPerDay = 10_001;
        if (slip == 25) t.penaltyCapBps = 10_001;
        if (slip == 26) t.cancelBps = 10_001;
        if (slip == 27) t.timeoutBps = 10_001;
        // One lane takes the place of all others, and is one too much in one way.
        (uint256 code, uint256 bps, Witnessed who) = (200, 100, Witnessed.Payer);
        if (slip == 28) bps = 10_001;
        if (slip == 29) (bps, who) = (SELF_ATTESTED_BPS + 1, Witnessed.Attestor);
        if (slip == 30) (bps, code) = (SELF_ATTESTED_BPS + 1, Arithmetic.OPENED);
        if (slip == 33) code = Arithmetic.OPENED; // in another lane than the first
        if (slip == 31) (t.attestor, who) = (address(0), _oneIn(2) ? Witnessed.Attestor : Witnessed.Both);
        if (slip == 32) (t.witness, who) = (address(0), _oneIn(2) ? Witnessed.Witness : Witnessed.Both);
        if (slip >= 28) {
            t.milestones = (bps << 18 | code << 2 | uint256(who)) << (slip == 33 ? 32 : 0);
            t.cancelUntil = NEVER;
        }
    }
}
