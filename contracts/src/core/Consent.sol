// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAgreement} from "../interfaces/IAgreement.sol";
import {Milestones} from "../libraries/Milestones.sol";
import {Signers} from "../libraries/Signers.sol";
import {TermsHash} from "../libraries/TermsHash.sol";
import {Authorisation, Evidence, Terms, Witnessed} from "../types/AgreementTypes.sol";

/// @title Who said so: consents of parties, evidence of machines. Moves nothing.
abstract contract Consent is IAgreement {
    uint8 internal constant ACCEPT = 1;
    uint8 internal constant CONTEST = 2;
    uint8 internal constant APPROVE = 3;
    uint8 internal constant CANCEL = 4;
    uint8 internal constant DISPUTE = 5;
    uint8 internal constant DELIVERED = 6;
    uint8 internal constant REVOKE = 7;
    uint8 internal constant RESOLVE = 8;

    /// @inheritdoc IAgreement
    address public immutable factory;
    bytes32 internal immutable _domainAtDeployment;
    uint256 private immutable _chainAtDeployment;

    constructor(address factory_) {
        factory = factory_;
        _domainAtDeployment = TermsHash.domain(factory_);
        _chainAtDeployment = block.chainid;
    }

    /// @dev Reverts unless `party` sent this call or signed the `Action`.
    function _authorise(bytes32 id_, address party, uint8 what, bytes32 data, Authorisation calldata consent)
        internal
        view
    {
        if (_isSender(party, consent)) return;
        _requireSigned(party, TermsHash.action(_domain(), id_, what, data, consent.deadline), consent);
    }

    /// @dev Reverts unless `party` sent this call or signed the `Split`.
    function _authoriseSplit(bytes32 id_, address party, uint256 payeeBps, Authorisation calldata consent)
        internal
        view
    {
        if (_isSender(party, consent)) return;
        _requireSigned(party, TermsHash.split(_domain(), id_, payeeBps, consent.deadline), consent);
    }

    /// @dev Reverts unless whom the lane names signed roots over an event of this very agreement.
    function _checkEvidence(
        bytes32 id_,
        Terms calldata terms,
        uint256 milestone,
        uint32 lane,
        Evidence[] calldata evidence
    ) internal view {
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
        if (TermsHash.rootOf(leaf, evidence.proof) != evidence.root) revert NotIncluded(leaf, evidence.root);
        bytes32 digest = TermsHash.evidenceRoot(_domain(), evidence.root, evidence.sequence, evidence.previous);
        if (!Signers.signed(signer, digest, evidence.signature)) {
            revert RootNotSigned(signer, evidence.root);
        }
    }

    function _isSender(address party, Authorisation calldata consent) private view returns (bool) {
        return consent.signature.length == 0 && msg.sender == party;
    }

    /// @dev Contract accounts may mean an empty signature: something that they approved on chain.
    function _requireSigned(address party, bytes32 digest, Authorisation calldata consent) private view {
        if (!Signers.signed(party, digest, consent.signature)) revert Unauthorised(party);
        if (block.timestamp > consent.deadline) revert SignatureExpired(consent.deadline);
    }

    /// @dev Signatures given after a chain took another number belong to that number.
    function _domain() private view returns (bytes32) {
        return block.chainid == _chainAtDeployment ? _domainAtDeployment : TermsHash.domain(factory);
    }
}
