// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Signers} from "../../../src/libraries/Signers.sol";
import {TermsHash} from "../../../src/libraries/TermsHash.sol";
import {Authorisation, Party, State} from "../../../src/types/AgreementTypes.sol";
import {Scene} from "./Scene.sol";

/// @dev A library that reads calldata, as somebody outside calls it.
contract Asked {
    function signed(address signer, bytes32 digest, bytes calldata signature) external view returns (bool) {
        return Signers.signed(signer, digest, signature);
    }
}

/// @notice Whose move it is: nobody else makes it, by no signature but theirs for this very move.
contract AuthoritySymbolic is Scene {
    Asked private asked;

    function setUp() external {
        _open();
        asked = new Asked();
    }

    /// @notice Nobody but the factory hands the rest to a successor.
    function check_onlyTheFactorySucceeds(address caller, uint40 time, Past memory past) external {
        vm.assume(caller != FACTORY);
        _happened(past, time);
        assert(!_act(caller, _anyMove(SUCCEED, _terms())));
    }

    /// @notice Without a signature a party's move is that party's own: every other sender is refused.
    function check_withoutASignatureOnlyThePartyMoves(
        address caller,
        uint40 time,
        uint256 which,
        uint256 argument,
        uint256 deadline,
        Past memory past
    ) external {
        vm.assume(_isOfOne(which));
        Party by = _anyParty(2);
        _happened(past, time);
        Authorisation memory none = Authorisation(deadline, "");
        if (_act(caller, _moveOfOne(which, _terms(), argument, by, none))) {
            assert(caller == _whose(which, by, past.state));
        }
    }

    /// @notice A signature counts if it is that party's, over this agreement, move and argument, and not expired.
    function check_aSignatureIsForOneMoveOfOneParty(
        address caller,
        uint40 time,
        uint256 which,
        uint256 argument,
        Past memory past
    ) external {
        vm.assume(_isOfOne(which));
        Party by = _anyParty(2);
        _happened(past, time);
        Authorisation memory consent = _anySignature();
        if (!_act(caller, _moveOfOne(which, _terms(), argument, by, consent))) return;
        bytes32 digest = TermsHash.action(domain, id, _action(which), _data(which, argument, past), consent.deadline);
        assert(_recovered(digest, consent.signature) == _whose(which, by, past.state));
        assert(time <= consent.deadline);
    }

    /// @notice What is left is split only if both signed the share, or one did and the other sends the call.
    function check_aSplitIsBothPartys(address caller, uint40 time, uint256 share, Past memory past) external {
        _happened(past, time);
        Authorisation memory payee = _anySignature();
        if (_act(caller, _split(_terms(), share, Authorisation(0, ""), payee))) {
            assert(caller == PAYER && share <= 10_000 && time <= payee.deadline);
            bytes32 digest = TermsHash.split(domain, id, share, payee.deadline);
            assert(_recovered(digest, payee.signature) == PAYEE);
        }
    }

    /// @notice Whoever is absent from the terms signs nothing.
    function check_nobodySignsForTheZeroAddress(bytes32 digest, bytes32 r, bytes32 s, uint8 v) external view {
        assert(!asked.signed(address(0), digest, abi.encodePacked(r, s, v)));
    }

    function _whose(uint256 which, Party by, State from) private pure returns (address) {
        if (which == REVOKE) return PAYEE;
        if (which == RESOLVE) return ARBITER;
        if (which == DELIVERED_BY_CARRIER) return CARRIER;
        return which == DISPUTE && by == Party.Payee && from == State.Open ? PAYEE : PAYER;
    }

    /// @dev The number of the `Action`, as `IAgreement` has them.
    function _action(uint256 which) private pure returns (uint8) {
        if (which == ACCEPT) return 1;
        if (which == CONTEST) return 2;
        if (which == APPROVE) return 3;
        if (which == CANCEL) return 4;
        if (which == DISPUTE) return 5;
        if (which == DELIVERED_BY_CARRIER) return 6;
        return which == REVOKE ? 7 : 8;
    }

    function _data(uint256 which, uint256 argument, Past memory past) private pure returns (bytes32) {
        if (which == CONTEST || which == APPROVE || which == CANCEL) return bytes32(argument);
        if (which == DISPUTE) return bytes32(uint256(past.state));
        return which == RESOLVE ? bytes32(uint256(past.disputedAt) << 16 | argument) : bytes32(0);
    }

    function _recovered(bytes32 digest, bytes memory signature) private pure returns (address) {
        bytes32 r;
        bytes32 s;
        uint8 v;
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
        return ecrecover(digest, v, r, s);
    }
}
