// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {Terms} from "../types/AgreementTypes.sol";

/// @title EIP-712 hashes of what parties and machines sign.
library TermsHash {
    string internal constant NAME = "LotSizeOne";
    string internal constant VERSION = "1";

    bytes32 internal constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    bytes32 internal constant TERMS_TYPE = keccak256(
        "Terms(uint8 kind,uint8 supplyCount,address payer,address payee,address attestor,address witness,"
        "address carrier,address arbiter,address token,uint96 unit,uint96 amount,uint256 milestones,uint40 fundBy,"
        "uint40 deliverBy,uint32 grace,uint32 contestWindow,uint32 acceptWindow,uint32 retentionWindow,"
        "uint32 arbiterWindow,uint16 penaltyBpsPerDay,uint16 penaltyCapBps,uint16 feeBps,uint16 cancelBps,"
        "uint8 cancelUntil,uint16 timeoutBps,bytes32 handover,bytes32 parent,bytes32 replaces,bytes32 specHash,"
        "bytes32 salt)"
    );

    bytes32 internal constant ACTION_TYPE = keccak256("Action(bytes32 id,uint8 what,bytes32 data,uint256 deadline)");

    bytes32 internal constant SPLIT_TYPE = keccak256("Split(bytes32 id,uint16 payeeBps,uint256 deadline)");

    bytes32 internal constant EVIDENCE_ROOT_TYPE =
        keccak256("EvidenceRoot(bytes32 root,uint64 sequence,bytes32 previous)");

    /// @notice The domain of everything signed for agreements of `factory` on this chain.
    function domain(address factory) internal view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPE, keccak256(bytes(NAME)), keccak256(bytes(VERSION)), block.chainid, factory)
        );
    }

    /// @notice The id of an agreement.
    /// @dev All 30 members are static words, so calldata already is their ABI encoding. Dirty high bits only change
    /// the digest, and the digest is what was signed.
    function id(bytes32 domainSeparator, Terms calldata terms) internal pure returns (bytes32) {
        bytes32 typeHash = TERMS_TYPE;
        bytes32 structHash;
        assembly ("memory-safe") {
            let pointer := mload(0x40)
            mstore(pointer, typeHash)
            calldatacopy(add(pointer, 0x20), terms, 960)
            structHash := keccak256(pointer, 992)
        }
        return MessageHashUtils.toTypedDataHash(domainSeparator, structHash);
    }

    /// @notice The id, and the terms in memory, where to read a member costs a tenth.
    /// @dev `loaded` is an array of one: a struct would be written twice, for Solidity first zeroes what is returned.
    function load(bytes32 domainSeparator, Terms calldata terms)
        internal
        pure
        returns (bytes32 id_, Terms[] memory loaded)
    {
        bytes32 typeHash = TERMS_TYPE;
        bytes32 structHash;
        assembly ("memory-safe") {
            loaded := mload(0x40)
            let pointer := add(loaded, 0x40)
            let words := add(pointer, 0x20)
            mstore(0x40, add(words, 960))
            mstore(loaded, 1)
            mstore(add(loaded, 0x20), words)
            mstore(pointer, typeHash)
            calldatacopy(words, terms, 960)
            structHash := keccak256(pointer, 992)
        }
        id_ = MessageHashUtils.toTypedDataHash(domainSeparator, structHash);
    }

    /// @notice The digest of a party's consent.
    function action(bytes32 domainSeparator, bytes32 agreement, uint8 what, bytes32 data, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 structHash = keccak256(abi.encode(ACTION_TYPE, agreement, what, data, deadline));
        return MessageHashUtils.toTypedDataHash(domainSeparator, structHash);
    }

    /// @notice The digest of a party's consent to a division of what is left.
    function split(bytes32 domainSeparator, bytes32 agreement, uint256 payeeBps, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 structHash = keccak256(abi.encode(SPLIT_TYPE, agreement, payeeBps, deadline));
        return MessageHashUtils.toTypedDataHash(domainSeparator, structHash);
    }

    /// @notice The digest of a gateway's signature under an evidence tree.
    function evidenceRoot(bytes32 domainSeparator, bytes32 root, uint64 sequence, bytes32 previous)
        internal
        pure
        returns (bytes32)
    {
        bytes32 structHash = keccak256(abi.encode(EVIDENCE_ROOT_TYPE, root, sequence, previous));
        return MessageHashUtils.toTypedDataHash(domainSeparator, structHash);
    }

    /// @notice The leaf of one event. Hashed twice, so that no inner node can pass for a leaf.
    function leaf(bytes32 agreement, bytes32 specHash, uint16 eventCode, uint64 at, bytes32 payloadHash)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(bytes.concat(keccak256(abi.encode(agreement, specHash, eventCode, at, payloadHash))));
    }

    /// @notice The root above a leaf: sorted pairs, the lower first, so a proof needs no directions.
    function rootOf(bytes32 leaf_, bytes32[] calldata proof) internal pure returns (bytes32 node) {
        node = leaf_;
        assembly ("memory-safe") {
            let end := add(proof.offset, shl(5, proof.length))
            for { let at := proof.offset } lt(at, end) { at := add(at, 0x20) } {
                let sibling := calldataload(at)
                let place := shl(5, gt(node, sibling))
                mstore(place, node)
                mstore(xor(place, 0x20), sibling)
                node := keccak256(0, 0x40)
            }
        }
    }
}
