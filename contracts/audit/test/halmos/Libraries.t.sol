// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAgreementErrors} from "../../../src/interfaces/IAgreementErrors.sol";
import {Milestones} from "../../../src/libraries/Milestones.sol";
import {TermsRules} from "../../../src/libraries/TermsRules.sol";
import {Terms} from "../../../src/types/AgreementTypes.sol";
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
}
