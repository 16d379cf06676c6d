// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAgreementErrors} from "../../../src/interfaces/IAgreementErrors.sol";
import {Milestones} from "../../../src/libraries/Milestones.sol";
import {TermsRules} from "../../../src/libraries/TermsRules.sol";
import {Terms, Witnessed} from "../../../src/types/AgreementTypes.sol";
import {Symbolic} from "./Symbolic.sol";

/// @dev A library that reads calldata, as somebody outside calls it.
contract Rules {
    function check(Terms calldata terms, uint16 selfAttestedBps, uint16 feeCeilingBps) external view {
        TermsRules.check(terms, selfAttestedBps, feeCeilingBps);
    }
}

/// @notice Properties of the libraries that need no agreement.
contract LibrariesSymbolic is Symbolic {
    Rules private rules;

    function setUp() external {
        rules = new Rules();
    }

    /// @notice Each bit of a lane belongs to exactly one of its three fields.
    function check_aLaneIsItsThreeFields(uint256 packed, uint256 index) external pure {
        vm.assume(index < Milestones.COUNT);
        uint32 lane = Milestones.lane(packed, index);
        uint256 again = (Milestones.bps(lane) << 18) | (uint256(Milestones.eventCode(lane)) << 2)
            | uint256(uint8(Milestones.witnessed(lane)));
        assert(again == lane);
    }

    /// @notice Nobody pays themselves: terms with one account in two of these roles are never accepted.
    /// @dev Without milestones: eight symbolic lanes compared with each other are more than a solver does in minutes.
    function check_oneAccountIsNeverBothParties(Terms memory terms, uint16 selfAttestedBps, uint16 feeCeilingBps)
        external
        view
    {
        terms.milestones = 0;
        try rules.check(terms, selfAttestedBps, feeCeilingBps) {
            assert(terms.payer != terms.payee);
            assert(terms.arbiter != terms.payer && terms.arbiter != terms.payee);
        } catch {}
    }

    /// @notice Neither party, attestor, witness nor carrier is the arbiter, nor is whoever brings the terms.
    /// @dev Without milestones, as above.
    function check_theArbiterIsNobodyElse(Terms memory terms, address sender) external {
        terms.milestones = 0;
        vm.prank(sender);
        try rules.check(terms, 3_000, 1_000) {
            address arbiter = terms.arbiter;
            assert(arbiter != address(0) && arbiter != sender);
            assert(arbiter != terms.payer && arbiter != terms.payee && arbiter != terms.attestor);
            assert(arbiter != terms.witness && arbiter != terms.carrier);
        } catch {}
    }

    /// @notice Accepted terms always have a way to their end: a proof of the delivery, and no clock of zero.
    function check_acceptedTermsCanEnd(Terms memory terms) external view {
        terms.milestones = 0;
        try rules.check(terms, 3_000, 1_000) {
            assert(terms.carrier != address(0) || terms.handover != 0);
            assert(terms.contestWindow != 0 && terms.acceptWindow != 0 && terms.arbiterWindow != 0);
            assert(block.timestamp <= terms.fundBy && terms.fundBy <= terms.deliverBy);
            assert(uint256(terms.deliverBy) + terms.grace <= block.timestamp + TermsRules.LONGEST);
        } catch {}
    }

    /// @notice The maker's own word, advance included, releases no more than the factory's ceiling.
    /// @dev Three lanes stand for all; the other members are fixed.
    function check_theMakersOwnWordHasItsCeiling(uint96 lanes, uint16 ceilingBps) external view {
        Terms memory terms = _sound();
        terms.milestones = lanes;
        try rules.check(terms, ceilingBps, 1_000) {
            uint256 own;
            uint256 all;
            for (uint256 i = 0; i < 3; ++i) {
                uint32 lane = Milestones.lane(lanes, i);
                uint16 code = Milestones.eventCode(lane);
                all += Milestones.bps(lane);
                bool isOwn = Milestones.witnessed(lane) == Witnessed.Attestor && code != Milestones.RETAINED;
                if (isOwn || code == Milestones.OPENED) own += Milestones.bps(lane);
            }
            assert(own <= ceilingBps && all <= Milestones.FULL_BPS);
        } catch {}
    }

    function _sound() private view returns (Terms memory t) {
        (t.payer, t.payee, t.attestor, t.witness) = (address(1), address(2), address(3), address(4));
        (t.carrier, t.arbiter, t.token) = (address(5), address(6), address(7));
        (t.unit, t.amount) = (100, 1_000_000);
        (t.fundBy, t.deliverBy) = (uint40(block.timestamp + 1 days), uint40(block.timestamp + 9 days));
        (t.contestWindow, t.acceptWindow, t.arbiterWindow, t.retentionWindow) = (1 days, 1 days, 1 days, 1 days);
        t.cancelUntil = 255;
    }
}
