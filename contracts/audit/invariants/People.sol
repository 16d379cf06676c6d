// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Evidence, Terms} from "../../src/types/AgreementTypes.sol";
import {Test} from "../test/Test.sol";

/// @title The people of the story, their keys, and what they sign.
/// @dev The EIP-712 types are written out once more on purpose: a slip in the contracts' own copy must show.
abstract contract People is Test {
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant TERMS = keccak256(
        "Terms(uint8 kind,uint8 supplyCount,address payer,address payee,address attestor,address witness,"
        "address carrier,address arbiter,address token,uint96 unit,uint96 amount,uint256 milestones,uint40 fundBy,"
        "uint40 deliverBy,uint32 grace,uint32 contestWindow,uint32 acceptWindow,uint32 retentionWindow,"
        "uint32 arbiterWindow,uint16 penaltyBpsPerDay,uint16 penaltyCapBps,uint16 feeBps,uint16 cancelBps,"
        "uint8 cancelUntil,uint16 timeoutBps,bytes32 handover,bytes32 parent,bytes32 replaces,bytes32 specHash,"
        "bytes32 salt)"
    );
    bytes32 private constant ACTION = keccak256("Action(bytes32 id,uint8 what,bytes32 data,uint256 deadline)");
    bytes32 private constant SPLIT = keccak256("Split(bytes32 id,uint16 payeeBps,uint256 deadline)");
    bytes32 private constant ROOT = keccak256("EvidenceRoot(bytes32 root,uint64 sequence,bytes32 previous)");
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    /// @dev Order of secp256k1: `n - s` makes the twin of a signature.
    uint256 private constant CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    address internal factoryAt;
    address[2] internal customers;
    address[2] internal makers;
    address[2] internal suppliers;
    address[2] internal attestors;
    address[2] internal arbiters;
    address internal witness;
    address internal carrier;
    address internal fees;
    address internal relayer;
    address internal stranger;
    mapping(address who => uint256 key) private _keys;
    bytes32 private _domain;

    function _gather() internal {
        for (uint256 i = 0; i < 2; ++i) {
            customers[i] = _person(101 + i);
            makers[i] = _person(103 + i);
            suppliers[i] = _person(105 + i);
            attestors[i] = _person(107 + i);
            arbiters[i] = _person(109 + i);
        }
        (witness, carrier, fees) = (_person(111), _person(112), _person(113));
        (relayer, stranger) = (_person(114), _person(115));
    }

    function _person(uint256 key) private returns (address who) {
        who = vm.addr(key);
        _keys[who] = key;
    }

    // ── digests ──────────────────────────────────────────────────────────────────────────────────

    function _setFactory(address at) internal {
        factoryAt = at;
        _domain = _domainOf(block.chainid);
    }

    function _domainOf(uint256 chain) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, keccak256("LotSizeOne"), keccak256("1"), chain, factoryAt));
    }

    function _typed(bytes32 domain, bytes32 structHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _idOf(Terms memory terms) internal view returns (bytes32) {
        return _typed(_domain, keccak256(abi.encode(TERMS, terms)));
    }

    function _actionHash(bytes32 id, uint8 what, bytes32 data, uint256 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(ACTION, id, what, data, deadline));
    }

    function _splitHash(bytes32 id, uint256 payeeBps, uint256 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(SPLIT, id, payeeBps, deadline));
    }

    // ── signatures ───────────────────────────────────────────────────────────────────────────────

    function _sign(address who, bytes32 digest) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keys[who], digest);
        return abi.encodePacked(r, s, v);
    }

    function _signHere(address who, bytes32 structHash) internal view returns (bytes memory) {
        return _sign(who, _typed(_domain, structHash));
    }

    function _signElsewhere(address who, bytes32 structHash) internal view returns (bytes memory) {
        return _sign(who, _typed(_domainOf(block.chainid + 1), structHash));
    }

    /// @dev The other signature that the same key gives the same digest: a second form of one consent.
    function _signTwin(address who, bytes32 structHash) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_keys[who], _typed(_domain, structHash));
        return abi.encodePacked(r, bytes32(CURVE - uint256(s)), v == 27 ? uint8(28) : uint8(27));
    }

    function _signPermit(address owner, bytes32 tokenDomain, uint256 value, uint256 nonce, uint256 deadline)
        internal
        view
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        bytes32 structHash = keccak256(abi.encode(PERMIT, owner, factoryAt, value, nonce, deadline));
        return vm.sign(_keys[owner], _typed(tokenDomain, structHash));
    }

    // ── evidence ─────────────────────────────────────────────────────────────────────────────────

    /// @dev A leaf in a tree of `1 << depth` leaves, whose root `signer` signs.
    function _evidence(address signer, bytes32 id, bytes32 specHash, uint16 code, uint256 depth)
        internal
        view
        returns (Evidence memory evidence)
    {
        (evidence.at, evidence.payloadHash) = (uint64(block.timestamp) * 1000, keccak256(abi.encode(id, code)));
        bytes32 node = keccak256(
            bytes.concat(keccak256(abi.encode(id, specHash, uint256(code), evidence.at, evidence.payloadHash)))
        );
        evidence.proof = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            bytes32 sibling = keccak256(abi.encode(node, i));
            evidence.proof[i] = sibling;
            node = node < sibling
                ? keccak256(abi.encodePacked(node, sibling))
                : keccak256(abi.encodePacked(sibling, node));
        }
        (evidence.root, evidence.sequence) = (node, 1);
        bytes32 structHash = keccak256(abi.encode(ROOT, node, evidence.sequence, evidence.previous));
        evidence.signature = _signHere(signer, structHash);
    }
}
